//! Records between a scatter and its gather, and the results that they become.

mod contents;
mod delivery;
mod execution;
mod executor;
mod failures;
mod handle;
mod inline;
mod intake;
mod result;
mod result_order;
mod verification;

pub(crate) use contents::{Due, Next, Work, fitting};
pub(crate) use executor::{Executor, Join};
pub(crate) use failures::{NumberedFailure, StageFailures};
pub(crate) use handle::Segment;
pub(crate) use result::{Ending, Receipt, SegmentResult, run_segment};
pub(crate) use verification::{Terms, most_bytes};
