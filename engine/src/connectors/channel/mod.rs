//! A channel within the program: other tasks and threads send elements to the source.

pub(super) mod source;

use crate::nodes::NodeType;

/// It has no node type in pipeline files: only programs can use it.
pub(super) const NODES: &[NodeType] = &[];
