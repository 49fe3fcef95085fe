//! Files of records that end with a newline or another separator; the source reads other layouts too.

mod compressed;
mod follow;
mod options;
mod resume;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
pub(super) use follow::{Generation, read_whole};
use options::{FileSink, FileSource};
pub(super) use options::{RowInput, input_paths, keeps_position, reads, rows};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<FileSource>("files"), sink_type::<FileSink>("file")];
