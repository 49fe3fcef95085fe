//! A list of elements, which the program reads.

pub(super) mod sink;

use crate::nodes::NodeType;

/// None in pipeline files: only a program can use it.
pub(super) const NODES: &[NodeType] = &[];
