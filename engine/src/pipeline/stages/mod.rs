//! Stages: what each node of the graph's middle takes from the file, and puts into the graph.

mod calls;
mod grouping;
mod joining;
mod parts;
mod pool;
mod timing;

pub(super) use calls::{Accumulate, Filter, FlatMap, Map, Remove, Starmap};
pub(super) use grouping::{
    Collect, Frequencies, Partition, PartitionUnique, SlidingWindow, TimedWindow, TimedWindowUnique, Unique,
};
pub(super) use joining::{CombineLatest, Union, Zip, ZipLatest};
pub(super) use parts::{Flatten, Pluck, Slice};
pub(super) use pool::{Buffer, Gather, Scatter};
pub(super) use timing::{Delay, Latest, RateLimit};

use crate::nodes::{Flow, Problem};

/// The only flow of a node that joins none.
fn only(inputs: Vec<Flow>) -> Result<Flow, Problem> {
    inputs.into_iter().next().ok_or_else(|| Problem::new("it takes from nobody"))
}
