//! Files of records that end with a newline or another separator; the source reads other layouts too.

mod compressed;
mod follow;
mod options;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{FileSink, FileSource};
pub(super) use options::{input_paths, rows};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<FileSource>("files"), sink_type::<FileSink>("file")];
