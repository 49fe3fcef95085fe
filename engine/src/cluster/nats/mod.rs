//! The cluster over NATS JetStream.

pub(in crate::cluster) mod subjects;
