//! The stage `scatter`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode};

/// Hands records to the pool: what follows, up to a gather, runs for many of them at once.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Scatter {}

impl StageNode for Scatter {
    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        match Flow::only(inputs)? {
            Flow::Local(stream, contents) => {
                Ok(Flow::Scattered(Box::new(stream.scatter(&context.pool)), contents))
            }
            Flow::Scattered(..) => Err(Problem::new("its records are scattered already").help("remove it")),
        }
    }
}
