//! Stages around what runs on the pool: `scatter`, `buffer`, `gather`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode};

/// Hands records to the pool: what follows, up to a gather, runs for many of them at once.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Scatter {}

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

/// How many records may be unfinished: of the scattered stretch before it, or waiting here where nothing is
/// scattered.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Buffer {
    /// So many; the next one waits outside.
    n: Count,
}

impl StageNode for Buffer {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let n = self.n.0.get();
        Ok(match Flow::only(inputs)? {
            Flow::Local(stream, contents) => Flow::Local(stream.buffer(n), contents),
            Flow::Scattered(scattered, contents) => Flow::Scattered(Box::new(scattered.buffer(n)), contents),
        })
    }
}

/// Takes the results back from the pool.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Gather {
    /// In the order of their records, or as they come (false).
    #[serde(default = "yes")]
    ordered: bool,
}

fn yes() -> bool {
    true
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
