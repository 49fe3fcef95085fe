//! CSV: rows of comma-separated values.

mod options;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{CsvSink, CsvSource};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<CsvSource>("csv"), sink_type::<CsvSink>("csv")];
