//! The types of nodes, by name: where users' words meet the code.

use super::stages;
use crate::connectors;
use crate::nodes::{NodeType, Section};

/// The types that a section has.
pub(super) fn of(section: Section) -> Vec<&'static NodeType> {
    let all = connectors::NODES.iter().copied().chain([stages::NODES]).flatten();
    all.filter(|node| node.section() == section).collect()
}
