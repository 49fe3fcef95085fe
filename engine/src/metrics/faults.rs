//! What went wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// What went wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FaultsStatus {
    /// How many faults there were of each kind.
    pub kinds: BTreeMap<PlainText, u64>,
    /// How many there were at each node, for the first 100 nodes that had any.
    #[serde(default)]
    pub nodes: Vec<NodeFaults>,
    /// The latest faults, the last one first.
    pub latest: Vec<RecentFault>,
    /// The files of dead letters.
    pub put_aside: Vec<PlainText>,
}

/// The faults of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NodeFaults {
    /// The function that failed.
    pub function: PlainText,
    /// The node that called it, if it has a name and that is another.
    pub node: Option<PlainText>,
    /// How many faults there were.
    pub faults: u64,
    /// The file that has its dead letters.
    pub put_aside: Option<PlainText>,
}

/// One of the latest faults, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RecentFault {
    /// Its number, counted from 1.
    pub number: u64,
    /// When it happened, in milliseconds since the start.
    pub at: u64,
    /// The source's number of the record.
    pub record: u64,
    /// The function that failed.
    pub function: PlainText,
    /// The node that called it, if it has a name and that is another.
    #[serde(default)]
    pub node: Option<PlainText>,
    /// The kind of fault, as in dead letters.
    pub kind: PlainText,
    /// What happened.
    pub message: PlainText,
    /// The beginning of the record, if it was kept.
    pub excerpt: Option<PlainText>,
}
