//! The stage `group`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::groups::{Keyed, grouped};
use super::support::releases::release;
use crate::nodes::{BuildContext, Count, Flow, Key, Problem, Size, StageNode, Time};

/// All records of each key, as one array. They come out at the end, in the order in which their keys came first.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Group {
    /// The part of a record that is its key.
    key: Key,
    /// They come out after each of this many records too, and begin anew.
    n: Option<Count>,
    /// They come out after each interval too, and begin anew.
    interval: Option<Time>,
    /// The most keys at the same time; a record with another key is then a fault. 1,000,000 by default.
    keys: Option<Count>,
    /// The most memory of all records; a record that needs more is a fault. 256MiB by default.
    memory: Option<Size>,
}

impl StageNode for Group {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let Self { key, n, interval, keys, memory } = self;
        let release = release(n.as_ref(), interval.as_ref(), keys.as_ref(), memory.as_ref());
        grouped(inputs, context, Some(key), |stream, bounds| {
            stream.group_bounded(release, |(key, _): &Keyed| key.clone(), bounds)
        })
    }
}
