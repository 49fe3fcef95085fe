//! The stage `collect`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::grouped;
use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode, Takes};

/// Records are held until there are many, or the stream ends: then they come as one array. If it takes from two,
/// each record of the second one flushes those of the first, also if there are none.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Collect {
    /// How many are held at most.
    most: Count,
}

impl StageNode for Collect {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::OneOrTwo;

    fn attach(self, mut inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let most = self.most.0;
        let flushes = if inputs.len() > 1 { inputs.pop() } else { None };
        match flushes {
            Some(flushes) => {
                let (flushes, _) = flushes.local()?;
                grouped(inputs, context, None, |stream, bounds| {
                    stream.collect_on_bounded(&flushes, most, bounds)
                })
            }
            None => grouped(inputs, context, None, |stream, bounds| stream.collect_bounded(most, bounds).0),
        }
    }
}
