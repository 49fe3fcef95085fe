//! The stage `union`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::joins::folded;
use crate::Stream;
use crate::nodes::{BuildContext, Bytes, Contents, Flow, Problem, StageNode, Takes};

/// The records of several, as they come.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Union {}

impl StageNode for Union {
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if !context.literals().is_empty() {
            let problem = Problem::at("from", "a literal can't be an input here");
            return Err(problem.help("remove it, or use zip, which adds the literal to each record"));
        }
        let mut contents = inputs.iter().map(|input| input.contents().clone());
        let first = contents.next().unwrap_or(Contents::JSON);
        let contents = if contents.all(|other| other == first) { first } else { Contents::JSON };
        Ok(Flow::join(inputs, contents, halved))
    }
}

/// The union of all, by halves: a chain of unions would be as long as there are streams.
fn halved(mut streams: Vec<Stream<Bytes>>) -> Stream<Bytes> {
    if streams.len() > 2 {
        let others = streams.split_off(streams.len() / 2);
        streams = vec![halved(streams), halved(others)];
    }
    folded(streams, Stream::union)
}
