//! A list in memory, which the program reads.

pub(super) mod sink;

use crate::nodes::NodeType;

/// It has no node type in pipeline files: only programs can use it.
pub(super) const NODES: &[NodeType] = &[];
