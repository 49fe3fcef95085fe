//! What does the work of segments: the trait, the segments, and the pool that does it in this process.

mod local;
mod segment;

pub(crate) use local::{Accumulation, CallError, PoolShared, isolate, retry};
pub use local::{Function, Plugin, Pool, PoolBuilder, Returns};
pub(crate) use segment::{Buffer, Due, Next, Segment, fitting};
#[cfg(feature = "cluster")]
pub(crate) use segment::{
    Ending, Executor, Home, NumberedFailure, Receipt, SegmentResult, Terms, Work, most_bytes, run_segment,
};
