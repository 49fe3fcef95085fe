//! What functions printed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// A line that a function printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LogLine {
    /// Its number, counted from 1.
    pub number: u64,
    /// When, in milliseconds since the start.
    pub at: u64,
    /// The function.
    pub function: PlainText,
    /// What it printed, without control characters.
    pub line: PlainText,
}
