//! The stage `timed_window`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::grouped;
use crate::nodes::{BuildContext, Flow, Problem, StageNode, Time};

/// What came in each interval, as an array; also an empty one.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TimedWindow {
    /// How long each window is.
    interval: Time,
}

impl StageNode for TimedWindow {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        grouped(inputs, context, None, |stream, bounds| stream.timed_window_bounded(self.interval.0, bounds))
    }
}
