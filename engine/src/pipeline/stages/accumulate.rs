//! The stage `accumulate`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::calls::{found, given};
use crate::Kind;
use crate::nodes::{Access, BuildContext, Flow, Key, KeyedCall, Problem, StageNode};

/// Each record through a function that keeps a state, one after another; with a key, a state for each.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Accumulate(KeyedCall);

impl StageNode for Accumulate {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, (call, key)) = (Flow::only(inputs)?, self.0.parts());
        let function = found(&call, context, Kind::Accumulate)?;
        context.calls(&function);
        let contents = given(&function);
        Ok(match (flow, key) {
            (Flow::Scattered(scattered, _), Some(Key(path))) => {
                Flow::Scattered(Box::new(scattered.accumulate_by(path, &function)), contents)
            }
            (flow, Some(Key(path))) => flow.nodes(contents, |stream| stream.accumulate_by(path, &function)),
            (flow, None) => flow.nodes(contents, |stream| stream.accumulate(&function)),
        })
    }
}
