//! The stage `filter`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::calls::called;
use crate::Kind;
use crate::nodes::{Access, BuildContext, Bytes, Flow, PerhapsCall, Problem, StageNode, json};

/// Keeps the records for which a function says so; without a function, those that are not null, false, 0
/// or empty.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Filter(PerhapsCall);

impl StageNode for Filter {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if let Some(call) = self.0.given()? {
            return called(&call, inputs, context, Kind::Filter);
        }
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.filter(|record: &Bytes| !json::is_falsy(record))))
    }
}
