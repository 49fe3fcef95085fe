//! When keys come out of stages that hold a state for each.

use std::num::NonZeroU64;

use crate::graph::Release;
use crate::nodes::{Count, Size, Time};

/// The most memory of all keys, in bytes, unless a node says otherwise.
const MEMORY: usize = 256 << 20;

/// When they come out, and how many there may be.
pub(in crate::pipeline) fn release(
    n: Option<&Count>,
    interval: Option<&Time>,
    keys: Option<&Count>,
    memory: Option<&Size>,
) -> Release {
    let mut release = Release::at_end().most_bytes(memory.map_or(MEMORY, |Size(bytes)| *bytes));
    if let Some(Count(n)) = n {
        release = release.every(NonZeroU64::try_from(*n).unwrap_or(NonZeroU64::MAX));
    }
    if let Some(Time(interval)) = interval {
        release = release.interval(*interval);
    }
    match keys {
        Some(Count(keys)) => release.most_keys(*keys),
        None => release,
    }
}
