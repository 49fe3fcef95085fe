//! Stages that make arrays of records, or compare them: `partition`, windows, `unique`, `frequencies`, `collect`.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Stream;
use crate::graph::Bounds;
use crate::graph::Keep;
use crate::nodes::json::Path;
use crate::nodes::{
    BuildContext, Bytes, Contents, Count, Flow, Guard, Key, Problem, StageNode, Takes, Time, json, no_bytes,
};

/// A record with the key that it was given.
type Keyed = (Bytes, Bytes);

/// Puts nodes that make arrays after a flow: they get each record as the JSON that it is in an array, with
/// its key.
fn grouped(
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

/// Groups of records that follow one another, as arrays.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Partition {
    /// How many records make a group; a smaller one comes at the end.
    n: Count,
    /// A group waits no longer than this after its first record: it comes out smaller then.
    timeout: Option<Time>,
    /// Only records with the same value here come together.
    key: Option<Key>,
}

impl StageNode for Partition {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, timeout, key } = self;
        let (by_key, timeout) = (key.is_some(), timeout.map(|Time(timeout)| timeout));
        grouped(inputs, context, key, |stream, bounds| {
            stream.partition_bounded(n.0, timeout, move |(key, _)| by_key.then(|| key.clone()), bounds)
        })
    }
}

/// Which of several records with one key stays.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kept {
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

/// Groups of records whose keys are all different, as arrays.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct PartitionUnique {
    /// How many different keys make a group.
    n: Count,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
    /// Which of several records with one key stays: "first" or "last".
    #[serde(default)]
    keep: Kept,
}

impl StageNode for PartitionUnique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, key, keep } = self;
        grouped(inputs, context, key, |stream, bounds| {
            stream.partition_unique_bounded(n.0, |(key, _): &Keyed| key.clone(), keep.into(), bounds)
        })
    }
}

/// The last records, as an array, after each record.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct SlidingWindow {
    /// How many records are in the window.
    n: Count,
    /// Also the first, smaller windows.
    #[serde(default)]
    return_partial: bool,
}

impl StageNode for SlidingWindow {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { n, return_partial } = self;
        grouped(inputs, context, None, |stream, bounds| {
            stream.sliding_window_bounded(n.0, return_partial, bounds)
        })
    }
}

/// What came in each interval, as an array; also an empty one.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct TimedWindow {
    /// How long each window is.
    interval: Time,
}

impl StageNode for TimedWindow {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        grouped(inputs, context, None, |stream, bounds| stream.timed_window_bounded(self.interval.0, bounds))
    }
}

/// What came in each interval, as an array, without records whose key came in it before.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct TimedWindowUnique {
    /// How long each window is.
    interval: Time,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
    /// Which of several records with one key stays: "first" or "last".
    #[serde(default)]
    keep: Kept,
}

impl StageNode for TimedWindowUnique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { interval, key, keep } = self;
        grouped(inputs, context, key, |stream, bounds| {
            stream.timed_window_unique_bounded(
                interval.0,
                |(key, _): &Keyed| key.clone(),
                keep.into(),
                bounds,
            )
        })
    }
}

/// Records are held until there are many, or the stream ends: then they come as one array. If it takes from two,
/// each record of the second one flushes those of the first, also if there are none.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Collect {
    /// How many are held at most.
    most: Count,
}

impl StageNode for Collect {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::OneOrTwo;

    fn attach(self, mut inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let most = self.most.0;
        let flushes = if inputs.len() > 1 { inputs.pop() } else { None };
        match flushes {
            Some(flushes) => {
                let (flushes, _) = flushes.local()?;
                grouped(inputs, context, None, |stream, bounds| {
                    stream.collect_on_bounded(&flushes, most, bounds)
                })
            }
            None => grouped(inputs, context, None, |stream, bounds| stream.collect_bounded(most, bounds).0),
        }
    }
}

/// Leaves out records that were seen before.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Unique {
    /// How many are remembered; the one that was seen longest ago is forgotten first.
    maxsize: Count,
    /// The part that must be different; the whole record by default.
    key: Option<Key>,
}

impl StageNode for Unique {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, guard) = (Flow::only(inputs)?, context.guard.clone());
        let (contents, maxsize) = (flow.contents().clone(), self.maxsize.0);
        Ok(flow.nodes(contents, |stream| match self.key {
            Some(Key(path)) => guard
                .keyed(stream, Some(&path))
                .unique_by(maxsize, |(key, _): &Keyed| key.clone())
                .map(|(_, record)| record),
            None => stream.unique(maxsize),
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

/// How often each record came so far, after each: an object, with the records as its keys.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Frequencies {}

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
