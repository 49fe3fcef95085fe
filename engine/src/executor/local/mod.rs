//! The pool: threads and instances in this process, with their limits.

mod accumulation;
mod builder;
mod calls;
mod function;
mod instances;
mod journal;
mod plugin;
mod pool;
mod retries;
mod runner;
mod scheduler;
mod shared;

pub(crate) use accumulation::Accumulation;
pub use builder::PoolBuilder;
pub(crate) use calls::CallError;
pub use function::{Function, Returns};
pub use plugin::Plugin;
pub use pool::Pool;
pub(crate) use retries::retry;
pub(crate) use runner::isolate;
pub(crate) use shared::PoolShared;
