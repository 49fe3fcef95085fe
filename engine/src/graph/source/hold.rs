//! Holds a source between two elements, while a checkpoint is taken.

use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::handle::{Emission, Source};
use crate::Error;
use crate::progress::{BoxFuture, GraphContext, Mark};

/// A source of any type, as checkpoints know it.
pub(crate) trait HoldSource: Send + Sync {
    fn context(&self) -> &Arc<GraphContext>;

    /// Waits until the source is between two elements. It emits none until what this returns is dropped.
    fn hold(&self) -> BoxFuture<'_, HeldSource<'_>>;
}

/// A source that emits nothing.
pub(crate) struct HeldSource<'a> {
    emission: MutexGuard<'a, Emission>,
    context: &'a GraphContext,
}

impl HeldSource<'_> {
    /// The number of the last element.
    pub(crate) fn last(&self) -> u64 {
        self.emission.next - 1
    }

    /// Whether all of it has reached its end.
    pub(crate) fn is_ended(&self) -> bool {
        self.emission.ended
    }

    /// Why it emits nothing any more.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.emission.failed.clone()
    }

    /// Notes positions from now on, at the beginning of the input.
    pub(crate) fn begin(&self) {
        self.context.resume_point.begin(Mark { before: self.last(), position: None }, 0);
    }

    /// Begins after the element with this number, of which `skip` come again from the input at `mark`.
    pub(crate) fn begin_after(&mut self, last: u64, mark: Mark, skip: u64) {
        self.emission.next = last + 1;
        self.context.begin_after(last);
        self.context.resume_point.begin(mark, skip);
    }
}

impl<T: Clone + Send + 'static> HoldSource for Source<T> {
    fn context(&self) -> &Arc<GraphContext> {
        &self.context
    }

    fn hold(&self) -> BoxFuture<'_, HeldSource<'_>> {
        Box::pin(async { HeldSource { emission: self.state.lock().await, context: &self.context } })
    }
}
