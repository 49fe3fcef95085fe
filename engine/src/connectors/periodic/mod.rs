//! One record per interval.

mod options;
pub(super) mod source;

use crate::nodes::{NodeType, source_type};
use options::PeriodicSource;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<PeriodicSource>("periodic")];
