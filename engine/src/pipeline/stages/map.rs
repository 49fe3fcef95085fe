//! The stage `map`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::calls::called;
use crate::Kind;
use crate::nodes::{Access, BuildContext, Call, Flow, Problem, StageNode};

/// Each record through a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Map(Call);

impl StageNode for Map {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        called(&self.0, inputs, context, Kind::Map)
    }
}
