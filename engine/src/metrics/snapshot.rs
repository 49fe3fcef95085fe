//! A run at one moment: status, rates, diagnosis and calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Diagnosis, Lane, Rates, Status};

/// A run at one moment, how fast it is, and what that means.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Snapshot {
    /// The counts.
    pub status: Status,
    /// How fast it is.
    pub rates: Rates,
    /// What that means, in a sentence.
    pub diagnosis: Diagnosis,
    /// The calls of the last seconds, by thread.
    pub lanes: Vec<Lane>,
}
