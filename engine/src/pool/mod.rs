//! The pool: workers, instances and their limits, and the segments that they work on.

mod accumulation;
mod builder;
mod executor;
mod function;
mod haste;
mod instances;
mod journal;
mod letters;
mod plugin;
mod retry;
mod runner;
mod segment;
mod shared;
mod slots;
mod state;
mod verification;
mod whole;

pub(crate) use accumulation::Accumulation;
pub use builder::PoolBuilder;
pub(crate) use executor::Executor;
pub use function::{Function, Returns};
pub(crate) use letters::Failed;
pub use plugin::Plugin;
pub(crate) use retry::retry;
pub(crate) use runner::isolate;
pub(crate) use segment::Segment;
pub use shared::Pool;
pub(crate) use shared::{CallError, PoolShared};
pub(crate) use state::{Due, Next, Work, fitting};
pub(crate) use verification::{Terms, most_bytes};
pub(crate) use whole::{Ending, Receipt, Whole, run_whole};
