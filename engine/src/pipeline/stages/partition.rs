//! The stage `partition`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::grouped;
use crate::nodes::{BuildContext, Count, Flow, Key, Problem, StageNode, Time};

/// Groups of records that follow one another, as arrays.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Partition {
    /// How many records make a group; a smaller one comes at the end.
    n: Count,
    /// A group waits no longer than this after its first record: it comes out smaller then.
    timeout: Option<Time>,
    /// Only records with the same value here come together.
    key: Option<Key>,
}

impl StageNode for Partition {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, timeout, key } = self;
        let (by_key, timeout) = (key.is_some(), timeout.map(|Time(timeout)| timeout));
        grouped(inputs, context, key, |stream, bounds| {
            stream.partition_bounded(n.0, timeout, move |(key, _)| by_key.then(|| key.clone()), bounds)
        })
    }
}
