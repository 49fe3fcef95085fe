//! Records between a scatter and its gather, and the results that they become.

mod contents;
mod delivery;
mod execution;
mod executor;
mod failures;
mod handle;
mod inline;
mod intake;
mod pace;
mod receipt;
#[cfg(feature = "cluster")]
mod result;
mod result_order;
mod settling;
#[cfg(feature = "cluster")]
mod verification;

pub(crate) use contents::{Due, Next, Work, fitting};
#[cfg(feature = "cluster")]
pub(crate) use executor::Home;
pub(crate) use executor::{Executor, Join};
#[cfg(feature = "cluster")]
pub(crate) use failures::NumberedFailure;
pub(crate) use failures::StageFailures;
pub(crate) use handle::{Buffer, Segment};
#[cfg(feature = "cluster")]
pub(crate) use receipt::Receipt;
#[cfg(feature = "cluster")]
pub(crate) use result::{Ending, SegmentResult, run_segment};
#[cfg(feature = "cluster")]
pub(crate) use verification::{Terms, most_bytes};
