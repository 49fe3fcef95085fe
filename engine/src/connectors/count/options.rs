//! Options of the node type `count`.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;

use super::source;
use crate::nodes::{self, BuildContext, Contents, Feeding, Number, Problem, SourceNode, Time};

/// Numbers that count up.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CountSource {
    /// The first number; 0 by default.
    start: Option<Number>,
    /// The number before which it ends; by default it counts until the run is stopped.
    end: Option<Number>,
    /// The difference between a number and the next; 1 by default.
    step: Option<nodes::Count>,
    /// The time from one number to the next; by default they come as fast as the graph accepts them.
    every: Option<Time>,
}

impl SourceNode for CountSource {
    fn open(self, _: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let start = self.start.map_or(0, |Number(start)| start);
        let step = self.step.map_or(NonZeroUsize::MIN, |nodes::Count(step)| step);
        let numbers = match self.end {
            Some(Number(end)) if end < start => {
                return Err(Problem::at("end", format!("the end, {end}, is before the start, {start}")));
            }
            Some(Number(end)) => source::count(start..end),
            None => source::count(start..),
        };
        let numbers = numbers.step(step);
        let numbers = match self.every {
            Some(Time(interval)) => numbers.every(interval),
            None => numbers,
        };
        Ok((Feeding::resumable(numbers), Contents::JSON))
    }
}
