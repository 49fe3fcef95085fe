//! Numbers that count up.

mod options;
pub(super) mod source;

use crate::nodes::{NodeType, source_type};
use options::CountSource;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<CountSource>("count")];
