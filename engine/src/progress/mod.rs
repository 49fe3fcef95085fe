//! How far a graph is: what its nodes tell its source, what has left it, and who waits for whom.

mod counters;
mod deadlock;
mod detached;
mod leaving;
mod snapshots;

use std::pin::Pin;

pub(crate) use counters::Counters;
pub(crate) use deadlock::{Actors, Works};
pub(crate) use detached::Detached;
pub use leaving::Done;
pub use snapshots::Snapshot;
pub(crate) use snapshots::Snapshots;

/// A future of any kind.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
