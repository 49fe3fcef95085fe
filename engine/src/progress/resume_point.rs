//! Where a source stands in its input, and what it skips when it begins there again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Position;

/// The position that a source noted last, and the records after one that it does not emit again.
#[derive(Debug, Default)]
pub(crate) struct ResumePoint {
    /// None if no checkpoint asks for it.
    mark: Mutex<Option<Mark>>,
    /// How many records come again that an earlier run has emitted.
    skip: AtomicU64,
}

/// A position in an input, and how many records were emitted before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) before: u64,
    pub(crate) position: Option<Position>,
}

impl ResumePoint {
    fn lock(&self) -> MutexGuard<'_, Option<Mark>> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Positions are wanted from now on. The input begins at `mark`, and `skip` records after it are not emitted again.
    pub(crate) fn begin(&self, mark: Mark, skip: u64) {
        *self.lock() = Some(mark);
        self.skip.store(skip, Relaxed);
    }

    /// The position that was noted last.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.lock().clone()
    }

    /// Notes a position, if that is wanted.
    pub(crate) fn note(&self, emitted: u64, position: impl FnOnce() -> Option<Position>) {
        let mut mark = self.lock();
        if mark.is_some() {
            *mark =
                Some(Mark { before: emitted.saturating_sub(self.skip.load(Relaxed)), position: position() });
        }
    }

    /// These records took numbers and may not have been emitted. They don't count among those that a later run skips.
    pub(crate) fn repeat(&self, records: u64) {
        if let Some(mark) = &mut *self.lock() {
            mark.before += records;
        }
    }

    /// How many records have yet to be skipped.
    pub(crate) fn left(&self) -> u64 {
        self.skip.load(Relaxed)
    }

    /// How many of the next records are to be skipped, at most `most`. These count as skipped then.
    pub(crate) fn skip(&self, most: usize) -> usize {
        let left = self.skip.load(Relaxed);
        if left == 0 {
            return 0;
        }
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        self.skip.store(left - skipped as u64, Relaxed);
        skipped
    }
}
