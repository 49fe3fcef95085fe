//! The traits through which a monitor reads sources, functions and pools.

use std::time::Duration;

use crate::function::Kind;
use crate::metrics::{Counts, FunctionStatus, PoolStatus, WorkerStatus};

/// A source, as a monitor reads it.
pub(crate) trait SourceFigures: Send + Sync {
    /// How many records went where.
    fn counts(&self) -> Counts;

    /// How many bytes of the input were read, and its size if that is known.
    fn input(&self) -> (u64, Option<u64>);
}

/// A function of a plugin, as a monitor reads it.
pub(crate) trait FunctionFigures: Send + Sync {
    fn name(&self) -> &str;

    fn kind(&self) -> Kind;

    /// How many records its calls were given, and the time that these calls took.
    fn used(&self) -> (u64, Duration);

    /// What it counts of its calls.
    fn status(&self) -> FunctionStatus;
}

/// A pool, as a monitor reads it.
pub(crate) trait PoolFigures: Send + Sync {
    fn status(&self) -> PoolStatus;

    /// The workers of its cluster, or `None` if its own threads do the work.
    fn workers(&self) -> Option<Vec<WorkerStatus>>;
}
