//! Messages of WebSockets: the source receives them, the sink sends them.

mod options;
pub(super) mod sink;
mod socket;
pub(super) mod source;

use crate::nodes::{NodeType, service_type, sink_type};
use options::{WebSocketSink, WebSocketSource};
#[cfg(any(fuzzing, test))]
pub(crate) use socket::config;
#[cfg(any(fuzzing, test))]
pub(crate) use socket::{is_open, send};
#[cfg(any(fuzzing, test))]
pub(crate) use source::messages;

/// In pipeline files.
pub(super) const NODES: &[NodeType] =
    &[service_type::<WebSocketSource>("websocket"), sink_type::<WebSocketSink>("websocket")];
