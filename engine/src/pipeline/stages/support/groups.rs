//! What stages that make arrays of records have in common.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Stream;
use crate::graph::{Bounds, Keep};
use crate::nodes::json::Path;
use crate::nodes::{BuildContext, Bytes, Contents, Flow, Guard, Key, Problem, json, no_bytes};

/// A record with the key that it was given.
pub(in crate::pipeline) type Keyed = (Bytes, Bytes);

/// Puts nodes that make arrays after a flow: they get each record as an item of an array, with its key.
pub(in crate::pipeline) fn grouped(
    inputs: Vec<Flow>,
    context: &mut BuildContext,
    key: Option<Key>,
    nodes: impl FnOnce(Stream<Keyed>, Bounds<Keyed>) -> Stream<Vec<Keyed>>,
) -> Result<Flow, Problem> {
    let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
    no_bytes(flow.contents())?;
    let contents = flow.contents().clone();
    Ok(flow.nodes(contents.clone().list(), |stream| {
        let keyed = items_with_keys(&guard, stream, &contents, key.map(|Key(path)| path));
        // An array that would be too long is a fault of the record that makes it so.
        let bounds = Bounds::new(
            |(_, item)| json::in_array(item),
            json::MOST_IN_ARRAY,
            guard.name.clone(),
            guard.policy.clone(),
            if contents.is_text() { record_of_text } else { record_of_json },
        );
        nodes(keyed, bounds).map(|group: Vec<Keyed>| json::array(group.into_iter().map(|(_, item)| item)))
    }))
}

/// A record as it was before it became an item of an array.
fn record_of_text((_, item): &Keyed) -> Arc<[u8]> {
    serde_json::from_slice(item)
        .map_or_else(|_| item.as_slice().into(), |text: String| text.into_bytes().into())
}

fn record_of_json((_, item): &Keyed) -> Arc<[u8]> {
    item.as_slice().into()
}

fn items_with_keys(
    guard: &Guard,
    stream: Stream<Bytes>,
    contents: &Contents,
    key: Option<Path>,
) -> Stream<Keyed> {
    match key {
        // The key is a part of what the record says, which its form in an array does not change.
        Some(path) => guard.keyed(guard.items(stream, contents), Some(&path)),
        None => guard.items(stream, contents).map(|item: Bytes| (item.clone(), item)),
    }
}

/// Which of several records with one key stays.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum Kept {
    /// The first one.
    #[default]
    First,
    /// The last one.
    Last,
}

impl From<Kept> for Keep {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::First => Self::First,
            Kept::Last => Self::Last,
        }
    }
}
