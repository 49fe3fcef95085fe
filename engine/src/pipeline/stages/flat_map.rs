//! The stage `flat_map`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::calls::called;
use crate::Kind;
use crate::nodes::{Access, BuildContext, Call, Flow, Problem, StageNode};

/// Any number of records for each, by a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct FlatMap(Call);

impl StageNode for FlatMap {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        called(&self.0, inputs, context, Kind::FlatMap)
    }
}
