//! The stage `delay`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode, Time};

/// Each record later by an interval, in order.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Delay {
    /// By how much.
    interval: Time,
}

impl StageNode for Delay {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.delay(self.interval.0)))
    }
}
