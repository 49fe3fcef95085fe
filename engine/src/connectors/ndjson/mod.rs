//! NDJSON: lines that are JSON.

mod options;
pub(super) mod source;

use crate::nodes::{NodeType, source_type};
use options::NdjsonSource;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<NdjsonSource>("ndjson")];
