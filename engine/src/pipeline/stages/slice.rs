//! The stage `slice`.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Number, Problem, StageNode};

/// Records by their position in the stream.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Slice {
    /// The position of the first one, counted from 0.
    start: Option<Number>,
    /// The position after the last one; to the end by default.
    end: Option<Number>,
    /// Keeps every record at this distance: 2 keeps every second one. All by default.
    step: Option<Number>,
}

impl StageNode for Slice {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        let [start, end] = [self.start, self.end].map(|number| number.map(|Number(number)| number));
        let step = NonZeroU64::new(self.step.map_or(1, |Number(step)| step));
        let step =
            step.ok_or_else(|| Problem::at("step", "a step of 0 leads nowhere").help("write 1 or more"));
        let order = match (start, end) {
            (Some(start), Some(end)) if start > end => {
                Err(Problem::at("end", format!("the end, {end}, is before the start, {start}")))
            }
            _ => Ok(NonZeroU64::MIN),
        };
        let step = Problem::collect([step, order])?[0];
        let positions = start.unwrap_or(0)..end.unwrap_or(u64::MAX);
        Ok(flow.nodes(contents, |stream| stream.slice_by(positions, step)))
    }
}
