//! The stage `frequencies`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Bytes, Contents, Flow, Problem, StageNode, json, no_bytes};

/// How often each record came so far, after each: an object, with the records as its keys.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Frequencies {}

impl StageNode for Frequencies {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        no_bytes(flow.contents())?;
        let (mut counts, json) = (BTreeMap::<String, u64>::new(), !flow.contents().is_text());
        Ok(flow.nodes(Contents::JSON, |stream| {
            guard.each(stream, move |record: Bytes| {
                let text = json::text(&record)?;
                // A JSON string is counted as its text.
                let unquoted = json.then(|| serde_json::from_str::<String>(text).ok()).flatten();
                let key = unquoted.unwrap_or_else(|| text.to_owned());
                *counts.entry(key.clone()).or_default() += 1;
                let made = serde_json::to_vec(&counts).map_err(|error| error.to_string());
                made.and_then(json::whole).inspect_err(|_| uncount(&mut counts, &key))
            })
        }))
    }
}

/// A record that is a fault was not counted.
fn uncount(counts: &mut BTreeMap<String, u64>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
