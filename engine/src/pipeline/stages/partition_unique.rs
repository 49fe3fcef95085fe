//! The stage `partition_unique`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::{Kept, Keyed, grouped};
use crate::nodes::{BuildContext, Count, Flow, Key, Problem, StageNode};

/// Groups of records whose keys are all different, as arrays.
#[derive(Deserialize, JsonSchema)]
pub(super) struct PartitionUnique {
    /// How many different keys make a group.
    n: Count,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
    /// Which of several records with one key stays: "first" or "last".
    #[serde(default)]
    keep: Kept,
}

impl StageNode for PartitionUnique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, key, keep } = self;
        grouped(inputs, context, key, |stream, bounds| {
            stream.partition_unique_bounded(n.0, |(key, _): &Keyed| key.clone(), keep.into(), bounds)
        })
    }
}
