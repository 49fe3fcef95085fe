//! NATS JetStream: the source receives the messages of a stream, the sink publishes records to one.

mod acknowledge;
mod connection;
mod options;
mod publisher;
mod receive;
pub(super) mod sink;
pub(super) mod source;
mod subscription;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{NatsSink, NatsSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<NatsSource>("nats"), sink_type::<NatsSink>("nats")];
