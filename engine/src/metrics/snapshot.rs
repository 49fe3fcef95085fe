//! All that is told of a run at one moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Diagnosis, Lane, Rates, Status};

/// A run at one moment, how fast it goes, and what that means.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Snapshot {
    /// What is there.
    pub status: Status,
    /// How fast it goes.
    pub rates: Rates,
    /// What that means, in a sentence.
    pub diagnosis: Diagnosis,
    /// The calls of the last seconds, thread by thread.
    pub lanes: Vec<Lane>,
}
