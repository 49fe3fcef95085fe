//! What a monitor reads: sources, functions and pools tell it themselves.

use std::time::Duration;

use crate::function::Kind;
use crate::metrics::{Counts, FunctionStatus, PoolStatus, WorkerStatus};

/// A source, for who watches.
pub(crate) trait SourceFigures: Send + Sync {
    /// How many records went where.
    fn counts(&self) -> Counts;

    /// How many bytes of the input were read, and how many there are, if that is known.
    fn input(&self) -> (u64, Option<u64>);
}

/// A function of a plugin, for who watches.
pub(crate) trait FunctionFigures: Send + Sync {
    fn name(&self) -> &str;

    fn kind(&self) -> Kind;

    /// How many records it was given, and the time that they took.
    fn used(&self) -> (u64, Duration);

    /// What it knows of its calls itself.
    fn status(&self) -> FunctionStatus;
}

/// A pool, for who watches.
pub(crate) trait PoolFigures: Send + Sync {
    fn status(&self) -> PoolStatus;

    /// The workers of its cluster, or `None` if its own threads do the work.
    fn workers(&self) -> Option<Vec<WorkerStatus>>;
}
