//! The stage `gather`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode};

/// Takes the results back from the pool.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Gather {
    /// In the order of their records, or as they come (false).
    #[serde(default = "yes")]
    ordered: bool,
}

impl StageNode for Gather {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        match Flow::only(inputs)? {
            Flow::Scattered(scattered, contents) => {
                let stream = if self.ordered { scattered.gather() } else { scattered.gather_unordered() };
                Ok(Flow::Local(stream, contents))
            }
            Flow::Local(..) => {
                let problem = Problem::new("its records are not scattered");
                Err(problem.help("put a scatter before what is to run on the pool, or remove it"))
            }
        }
    }
}

fn yes() -> bool {
    true
}
