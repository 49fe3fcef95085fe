//! The stage `unique`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::Keyed;
use crate::nodes::{BuildContext, Count, Flow, Key, Problem, StageNode};

/// Leaves out records that were seen before.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Unique {
    /// How many are remembered; the one that was seen longest ago is forgotten first.
    maxsize: Count,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
}

impl StageNode for Unique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        let (contents, maxsize) = (flow.contents().clone(), self.maxsize.0);
        Ok(flow.nodes(contents, |stream| match self.key {
            Some(Key(path)) => guard
                .keyed(stream, Some(&path))
                .unique_by(maxsize, |(key, _): &Keyed| key.clone())
                .map(|(_, record)| record),
            None => stream.unique(maxsize),
        }))
    }
}
