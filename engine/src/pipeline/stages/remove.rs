//! The stage `remove`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::calls::{applied, found};
use crate::Kind;
use crate::nodes::{Access, BuildContext, Call, Flow, Problem, StageNode};

/// Leaves out the records for which a function says so: the opposite of a filter.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Remove(Call);

impl StageNode for Remove {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let function = found(&self.0, context, Kind::Filter)?.negated();
        let contents = flow.contents().clone();
        Ok(applied(flow, &function, contents, context))
    }
}
