//! Stages that take records apart, or some of them: `flatten`, `pluck`, `slice`.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{BuildContext, Bytes, Contents, Flow, Key, Number, OneOrMore, Problem, StageNode, json};

/// The items of each record, which is a JSON array; an empty one gives nothing.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Flatten {}

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

/// A part of each record, or several as an array; a record without it is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Pluck {
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

/// Records by their position in the stream.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Slice {
    /// The position of the first one, counted from 0.
    start: Option<Number>,
    /// The position after the last one; to the end by default.
    end: Option<Number>,
    /// One of so many.
    step: Option<Number>,
}

impl StageNode for Slice {
    fn attach(self, inputs: Vec<Flow>, _: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        let [start, end] = [self.start, self.end].map(|number| number.map(|Number(number)| number));
        let step = NonZeroU64::new(self.step.map_or(1, |Number(step)| step));
        let step =
            step.ok_or_else(|| Problem::at("step", "a step of 0 leads nowhere").help("write 1 or more"))?;
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(Problem::at("end", format!("the end, {end}, is before the start, {start}")));
        }
        let positions = start.unwrap_or(0)..end.unwrap_or(u64::MAX);
        Ok(flow.nodes(contents, |stream| stream.slice_by(positions, step)))
    }
}
