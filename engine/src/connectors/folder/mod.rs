//! The files of a folder, as they appear in it.

mod arrivals;
mod memory;
mod options;
pub(super) mod source;

use crate::nodes::{NodeType, source_type};
use options::FolderSource;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<FolderSource>("folder")];
