//! Elements that other tasks and threads of the program send.

pub(super) mod source;

use crate::nodes::NodeType;

/// None in pipeline files: only a program can use it.
pub(super) const NODES: &[NodeType] = &[];
