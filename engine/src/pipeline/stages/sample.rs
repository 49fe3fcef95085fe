//! The stage `sample`.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode, Time};

/// The first of every `n` records, or the first record of each interval; the others are dropped.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Sample {
    /// How many records one stands for.
    n: Option<Count>,
    /// The time for which one record stands.
    every: Option<Time>,
}

impl StageNode for Sample {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        match (self.n, self.every) {
            (Some(Count(n)), None) => {
                let n = NonZeroU64::try_from(n).unwrap_or(NonZeroU64::MAX);
                Ok(flow.nodes(contents, |stream| stream.sample(n)))
            }
            (None, Some(Time(interval))) => Ok(flow.nodes(contents, |stream| stream.sample_every(interval))),
            (None, None) => Err(Problem::new("it does not say how many records to drop")
                .help("write n = 10 or every = \"1s\"")),
            (Some(_), Some(_)) => {
                Err(Problem::at("every", "n already says how many records to drop")
                    .help("remove one of them"))
            }
        }
    }
}
