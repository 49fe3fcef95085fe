//! The pool: workers, instances and their limits, and the segments that they work on.

mod builder;
mod instances;
mod runner;
mod segment;
mod shared;
mod slots;
mod state;

pub use builder::PoolBuilder;
pub(crate) use instances::Held;
pub(crate) use segment::Segment;
pub use shared::Pool;
pub(crate) use shared::{CallError, PoolShared};
pub(crate) use state::Next;
