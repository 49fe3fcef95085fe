//! HTTP requests: clients POST records to the source, and the sink POSTs records to a server.

mod batcher;
mod options;
mod requests;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{HttpSink, HttpSource};
#[cfg(any(fuzzing, test))]
pub(crate) use source::serve_one;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<HttpSource>("http"), sink_type::<HttpSink>("http")];
