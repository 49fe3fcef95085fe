//! The stage `rate_limit`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode, Time};

/// At most one record each interval; what comes before waits, and so does the source.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RateLimit {
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
