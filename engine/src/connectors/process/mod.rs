//! Commands: the source reads what a command prints, the sink writes to a command's stdin.

mod command;
mod options;
pub(super) mod sink;
pub(super) mod source;
mod words;

use crate::nodes::{NodeType, sink_type, source_type};
pub use command::end_commands;
use options::{ProcessSink, ProcessSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] =
    &[source_type::<ProcessSource>("process"), sink_type::<ProcessSink>("process")];
