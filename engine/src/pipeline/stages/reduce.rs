//! The stage `reduce`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::support::folds::{Fold, Folded, Folds};
use super::support::releases::release;
use crate::graph;
use crate::nodes::{BuildContext, Bytes, Contents, Count, Flow, Key, Problem, Size, StageNode, Time, json};

/// An object for each key: how many records it has, and the sum, the least, the greatest, the first or the last value
/// of a part of them. The objects come out at the end, in the order in which their keys came first.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Reduce {
    /// The part of a record that is its key; by default all records have one.
    key: Option<Key>,
    /// The values of the object, by name: "count", { sum = KEY }, { min = KEY }, { max = KEY }, { first = KEY } or
    /// { last = KEY }; by default { count = "count" }.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, Fold>")]
    values: IndexMap<String, Fold>,
    /// They come out after each of this many records too, and begin anew.
    n: Option<Count>,
    /// They come out after each interval too, and begin anew.
    interval: Option<Time>,
    /// The most keys at the same time; a record with another key is then a fault. 1,000,000 by default.
    keys: Option<Count>,
    /// The most memory of all keys and values; a record that needs more is a fault. 256MiB by default.
    memory: Option<Size>,
}

impl StageNode for Reduce {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { key, mut values, n, interval, keys, memory } = self;
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        if key.is_some() && values.contains_key("key") {
            let problem = Problem::new("the key has this name in the object").about(&["values", "key"]);
            return Err(problem.help("give it another name"));
        }
        if values.is_empty() {
            values.insert("count".to_owned(), Fold::Count);
        }
        let path = key.map(|Key(path)| path);
        let folds = Folds::new(path.is_some(), values);
        let release = release(n.as_ref(), interval.as_ref(), keys.as_ref(), memory.as_ref());
        Ok(flow.nodes(Contents::JSON, |stream| {
            let keyed = match &path {
                Some(path) => guard.keyed(stream, Some(path)),
                None => stream.map(|record: Bytes| (Bytes::new(), record)),
            };
            let refusing = graph::Guard {
                policy: guard.policy.clone(),
                encode: |(_, record): &(Bytes, Bytes)| record.as_slice().into(),
                name: Some(guard.name.clone()),
            };
            let object = folds.clone();
            let reduced = keyed.reduce_with(folds, release, refusing);
            guard.each(
                reduced.map(move |(key, state): (Bytes, Folded)| object.object(&key, &state)),
                json::whole,
            )
        }))
    }
}
