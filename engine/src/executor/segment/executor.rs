//! What does the work of segments: the threads of a pool, or the workers of a cluster.

use std::sync::Arc;

use super::handle::Segment;
use crate::Error;
use crate::metrics::WorkerStatus;
use crate::plugin::FunctionCore;
use crate::record::Batch;

/// Begins the work of an executor. It may block.
pub(crate) type Join = Box<dyn FnOnce() -> Result<Arc<dyn Executor>, Error> + Send>;

/// Finds the executor of the pool itself, as long as there is the pool.
pub(crate) type Home = Box<dyn Fn() -> Option<Arc<dyn Executor>> + Send + Sync>;

/// Does the work of segments. A segment does not know which one it has.
///
/// Work is taken from a segment by [`Segment::take`], and goes back by [`Segment::finish`],
/// [`Segment::put_back`] or [`Segment::fail`].
pub(crate) trait Executor: Send + Sync {
    /// A segment has work. Said again whenever more has come.
    fn enlist(&self, segment: &Arc<Segment>);

    /// Takes up a piece of work on the caller's thread, and says whether it did.
    fn work_here(&self, segment: &Arc<Segment>) -> bool;

    /// How many records of `batch` a piece of work takes, for a segment whose stage this is.
    fn fitting(&self, stage: &FunctionCore, batch: &Batch, alone: bool) -> usize;

    /// How many bytes may be at work at once.
    fn room(&self) -> usize;

    /// The workers elsewhere that it consists of.
    fn workers(&self) -> Vec<WorkerStatus> {
        Vec::new()
    }

    /// The executor of the pool at `home` does what can't be sent anywhere.
    fn is_at_home(&self, _home: Home) {}

    /// Gives back what it has elsewhere, and waits for that. Nothing is done any more.
    fn end(&self) {}
}
