//! Stages that hold records back for a time: `delay`, `rate_limit`, `latest`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode, Time};

/// Each record later by an interval, in order.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Delay {
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

/// At most one record each interval; what comes before waits, and so does the source.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct RateLimit {
    /// The time from one record to the next, at least.
    interval: Time,
}

impl StageNode for RateLimit {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.rate_limit(self.interval.0)))
    }
}

/// Only the newest record, where what follows is slower than what comes.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Latest {}

impl StageNode for Latest {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, crate::Stream::latest))
    }
}
