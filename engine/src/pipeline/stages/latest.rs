//! The stage `latest`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Flow, Problem, StageNode};

/// Only the newest record, where what follows is slower than what comes.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Latest {}

impl StageNode for Latest {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, crate::Stream::latest))
    }
}
