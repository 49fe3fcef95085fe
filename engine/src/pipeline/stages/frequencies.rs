//! The stage `frequencies`.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::graph::{Operator, Outputs};
use crate::nodes::{BuildContext, Bytes, Contents, Flow, Problem, StageNode, json, no_bytes};
use crate::progress::{Keeps, Restorer, Save, Saver};

/// How often each record came so far, after each: an object, with the records as its keys.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Frequencies {}

impl StageNode for Frequencies {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        no_bytes(flow.contents())?;
        let json = !flow.contents().is_text();
        let counted = Counted { name: guard.name.clone(), counts: BTreeMap::new(), json };
        Ok(flow.nodes(Contents::JSON, |stream| stream.through_with(counted, &guard.policy)))
    }
}

/// How often each record came.
struct Counted {
    name: Arc<str>,
    counts: BTreeMap<String, u64>,
    /// The records are JSON.
    json: bool,
}

impl Save for Counted {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(self.counts.keys())?;
        saver.values(self.counts.values())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        let (keys, counts): (Vec<String>, Vec<u64>) = (restorer.values()?, restorer.values()?);
        self.counts = keys.into_iter().zip(counts).collect();
        Ok(())
    }
}

impl Operator<Bytes> for Counted {
    type Output = Bytes;

    fn take(&mut self, record: Bytes, outputs: &mut Outputs<Bytes>) -> Result<(), String> {
        let text = json::text(&record)?;
        // A JSON string is counted as its text.
        let unquoted = self.json.then(|| serde_json::from_str::<String>(text).ok()).flatten();
        let key = unquoted.unwrap_or_else(|| text.to_owned());
        *self.counts.entry(key.clone()).or_default() += 1;
        let made = serde_json::to_vec(&self.counts).map_err(|error| error.to_string());
        outputs.give(made.and_then(json::whole).inspect_err(|_| uncount(&mut self.counts, &key))?);
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn name(&self) -> &str {
        &self.name
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
