//! The stage `zip_latest`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::joins::{both, folded, tuples};
use crate::nodes::{BuildContext, Flow, Problem, StageNode, Takes};

/// Arrays of each record of the first, and the latest of the others.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ZipLatest {}

impl StageNode for ZipLatest {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if context.literals().iter().any(|(place, _)| *place == 0) {
            let problem = Problem::at("from", "a literal can't be the first input here");
            return Err(problem.help("put the literal after the node"));
        }
        tuples(inputs, context, |mut streams| {
            let first = streams.remove(0);
            if streams.is_empty() {
                return first;
            }
            let others = folded(streams, |one, other| one.combine_latest(other).map(both));
            first.zip_latest(others).map(both)
        })
    }
}
