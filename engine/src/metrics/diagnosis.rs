//! What the figures of a run mean, in a sentence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// A sentence on what limits a run's throughput, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Diagnosis {
    /// How serious it is.
    pub severity: Severity,
    /// The sentence.
    pub text: PlainText,
    /// The node that sets the pace, by its place in the status, if one does.
    pub node: Option<usize>,
}

/// How serious something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// Something limits the run or pauses it, or records have become faults.
    Warning,
    /// The run has failed.
    Error,
}
