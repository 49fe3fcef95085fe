//! What was called when, on which thread.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// The calls of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Lane {
    /// The thread's name.
    pub name: PlainText,
    /// In the order of their ends.
    pub bars: Vec<Bar>,
}

/// One call, or several that were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Bar {
    /// The function's place in the status.
    pub function: usize,
    /// When it began and ended, in microseconds since the start.
    pub from: u64,
    /// See `from`.
    pub to: u64,
    /// How long calls took between them, in microseconds.
    pub busy: u64,
    /// How many records it was given.
    pub records: u64,
    /// How many calls it was.
    pub calls: u64,
    /// Whether one of them failed.
    pub failed: bool,
}
