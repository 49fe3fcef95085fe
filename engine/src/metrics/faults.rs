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
    /// The latest faults, the last one first.
    pub latest: Vec<RecentFault>,
    /// The files of dead letters.
    pub put_aside: Vec<PlainText>,
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
    /// The function or node that failed.
    pub function: PlainText,
    /// The kind of fault, as in dead letters.
    pub kind: PlainText,
    /// What happened.
    pub message: PlainText,
    /// The beginning of the record, if it was kept.
    pub excerpt: Option<PlainText>,
}
