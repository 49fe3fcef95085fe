//! Which function was called when, on which thread.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// The calls of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Lane {
    /// The thread's name.
    pub name: PlainText,
    /// Its calls, in the order in which they ended.
    pub bars: Vec<Bar>,
}

/// One call, or several merged ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Bar {
    /// The function's place in the status.
    pub function: usize,
    /// When it began, in microseconds since the start.
    pub from: u64,
    /// When it ended, in microseconds since the start.
    pub to: u64,
    /// How long the calls took in all, in microseconds.
    pub busy: u64,
    /// How many records the calls were given.
    pub records: u64,
    /// How many calls it stands for.
    pub calls: u64,
    /// Whether one of them failed.
    pub failed: bool,
}
