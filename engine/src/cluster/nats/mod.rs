//! The cluster's transport over NATS JetStream. Nothing else of the cluster names a client of NATS.

mod connect;
mod fitness;
mod jetstream;
mod plugins;
mod queues;
mod streams;
mod subjects;
mod tables;

pub(super) use connect::{host, viewer, worker};
