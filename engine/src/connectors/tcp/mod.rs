//! Lines over TCP: the source accepts connections, the sink makes one.

mod options;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, service_type, sink_type};
use options::{TcpSink, TcpSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[service_type::<TcpSource>("tcp"), sink_type::<TcpSink>("tcp")];
