//! The stage `timed_window_unique`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::{Kept, Keyed, grouped};
use crate::nodes::{BuildContext, Flow, Key, Problem, StageNode, Time};

/// What came in each interval, as an array, without records whose key came in it before.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TimedWindowUnique {
    /// How long each window is.
    interval: Time,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
    /// Which of several records with one key stays: "first" or "last".
    #[serde(default)]
    keep: Kept,
}

impl StageNode for TimedWindowUnique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { interval, key, keep } = self;
        grouped(inputs, context, key, |stream, bounds| {
            stream.timed_window_unique_bounded(
                interval.0,
                |(key, _): &Keyed| key.clone(),
                keep.into(),
                bounds,
            )
        })
    }
}
