//! The stage `sliding_window`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::grouped;
use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode};

/// The last records, as an array, after each record.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SlidingWindow {
    /// How many records are in the window.
    n: Count,
    /// Also the first, smaller windows.
    #[serde(default)]
    return_partial: bool,
}

impl StageNode for SlidingWindow {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, return_partial } = self;
        grouped(inputs, context, None, |stream, bounds| {
            stream.sliding_window_bounded(n.0, return_partial, bounds)
        })
    }
}
