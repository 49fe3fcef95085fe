//! The stage `pluck`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Bytes, Contents, Flow, Key, OneOrMore, Problem, StageNode, json};

/// A part of each record, or several as an array; a record without it is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Pluck {
    /// The part: a field's name, the number of an item, or a path such as "/user/id"; or a list of them.
    key: OneOrMore<Key>,
}

impl StageNode for Pluck {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        Ok(flow.nodes(Contents::JSON, |stream| match self.key {
            OneOrMore::One(Key(path)) => {
                guard.each(stream, move |record: Bytes| Ok(path.of(&record)?.as_bytes().to_vec()))
            }
            OneOrMore::More(keys) => guard.each(stream, move |record: Bytes| {
                let parts: Result<Vec<_>, _> = keys.iter().map(|Key(path)| path.of(&record)).collect();
                json::whole(json::array(parts?))
            }),
        }))
    }
}
