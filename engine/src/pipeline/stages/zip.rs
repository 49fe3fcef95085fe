//! The stage `zip`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::joins::{both, folded, tuples};
use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode, Takes};

/// Arrays of one record of each, in lock step.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Zip {
    /// How many records of one may wait for the others.
    #[serde(default = "ten")]
    maxsize: Count,
}

impl StageNode for Zip {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (most, name) = (self.maxsize.0.get(), context.guard.name.clone());
        tuples(inputs, context, |streams| {
            folded(streams, |one, other| one.zip_as(name.clone(), other, most).map(both))
        })
    }
}

fn ten() -> Count {
    Count(std::num::NonZeroUsize::new(10).expect("ten is not zero"))
}
