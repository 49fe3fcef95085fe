//! The stage `buffer`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Count, Flow, Problem, StageNode};

/// How many records may be unfinished: of the scattered stretch before it, or waiting here where nothing is
/// scattered.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Buffer {
    /// Records in the buffer at most; the next one waits outside.
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
