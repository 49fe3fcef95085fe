//! HTTP requests: clients POST records to the source, and the sink POSTs records to a server.

mod answers;
mod batcher;
mod body;
mod encoding;
mod feeding;
mod options;
mod requests;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, service_type, sink_type};
#[cfg(any(fuzzing, test))]
pub(crate) use feeding::{LARGEST_BODY, serve_one};
use options::{HttpSink, HttpSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[service_type::<HttpSource>("http"), sink_type::<HttpSink>("http")];
