//! The pool: threads and instances in this process, with their limits.

mod accumulation;
mod builder;
mod function;
mod instances;
mod journal;
mod plugin;
mod pool;
mod retries;
mod runner;

pub(crate) use accumulation::Accumulation;
pub use builder::PoolBuilder;
pub use function::{Function, Returns};
pub use plugin::Plugin;
pub use pool::Pool;
pub(crate) use pool::{CallError, PoolShared};
pub(crate) use retries::retry;
pub(crate) use runner::isolate;
