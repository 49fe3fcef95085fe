//! Dead letters: records that failed in an earlier run, read again.

mod options;
pub(super) mod source;

use crate::nodes::{NodeType, source_type};
use options::DeadLettersSource;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<DeadLettersSource>("letters")];
