//! The nodes of a graph, and the edges between them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// A node of the graph.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub name: PlainText,
    /// Its type: `map`, `files`, `buffer`, …
    pub kind: PlainText,
    /// Its centre in a diagram in which nodes are 152 wide and 66 high.
    pub at: (f64, f64),
    /// Records that came to it.
    pub records: u64,
    /// How long it was busy itself, in nanoseconds. If it hands records over, how long others waited for room in it.
    pub nanos: u64,
    /// Whether it hands records over to another task.
    pub hands_over: bool,
    /// Whether streams meet in it. Then its time is how long one stream waited for another.
    pub meets: bool,
    /// How full it is, if it has a limit.
    pub buffer: Option<Buffer>,
    /// The function that it calls on the pool, by its place in the status.
    pub function: Option<usize>,
}

/// How full a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Buffer {
    /// Records in it.
    pub filled: u64,
    /// The most that may be in it.
    pub limit: u64,
}

/// An edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct EdgeStatus {
    /// The place of the node where it begins.
    pub from: usize,
    /// The place of the node where it ends.
    pub to: usize,
    /// Records that went over it.
    pub records: u64,
}
