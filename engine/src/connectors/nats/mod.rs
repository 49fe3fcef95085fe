//! Streams of a NATS server.

mod link;
mod options;
mod post;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{NatsSink, NatsSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<NatsSource>("nats"), sink_type::<NatsSink>("nats")];
