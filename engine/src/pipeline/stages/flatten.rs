//! The stage `flatten`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Bytes, Flow, Problem, StageNode, json};

/// The items of each record, which is a JSON array; an empty one gives nothing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Flatten {}

impl StageNode for Flatten {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        let items = flow.contents().items();
        // Texts were quoted when they became items.
        let texts = items.is_text();
        Ok(flow.nodes(items, |stream| {
            let items = guard.each(stream, move |record: Bytes| {
                let items = json::items(json::text(&record)?)?;
                items.into_iter().map(|item| if texts { unquoted(item) } else { Ok(item.into()) }).collect()
            });
            items.flat_map(|items: Vec<Bytes>| items)
        }))
    }
}

fn unquoted(item: &str) -> Result<Bytes, String> {
    serde_json::from_str(item).map(String::into_bytes).map_err(|error| error.to_string())
}
