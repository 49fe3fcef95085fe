//! How many tasks a worker is at: twice as many as it has threads while functions compute, and more and more while
//! they wait.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A worker is at no more tasks than this, however long functions wait.
const MOST: usize = 1000;

/// Functions wait if threads are idle this many looks in a row.
const OFTEN: u8 = 3;

/// Room for tasks.
pub(super) struct Concurrency {
    permits: Semaphore,
    least: usize,
    /// How many there are.
    all: AtomicUsize,
    /// How many there should be: what is more goes when it is given back.
    wanted: AtomicUsize,
}

/// Room for a task.
pub(super) struct TaskPermit<'a> {
    concurrency: &'a Concurrency,
    permit: Option<SemaphorePermit<'a>>,
}

impl Concurrency {
    pub(super) fn new(threads: usize) -> Self {
        let least = threads * 2;
        Self { permits: Semaphore::new(least), least, all: least.into(), wanted: least.into() }
    }

    /// How many there are while functions compute.
    pub(super) fn least(&self) -> usize {
        self.least
    }

    /// How many there are.
    pub(super) fn all(&self) -> usize {
        self.all.load(Relaxed)
    }

    /// Waits for one.
    pub(super) async fn take(&self) -> TaskPermit<'_> {
        let permit = self.permits.acquire().await.ok();
        TaskPermit { concurrency: self, permit }
    }

    /// How many are free.
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Threads are `idle`, or are not, for the `times`th time in a row. Says whether there are more permits now.
    pub(super) fn look(&self, idle: bool, times: u8) -> bool {
        let all = self.all();
        if !idle || self.free() > all / 2 {
            self.shrink(all);
            return false;
        }
        if times < OFTEN || self.free() > 0 || all >= MOST {
            return false;
        }
        let more = all.min(MOST - all);
        self.wanted.store(all + more, Relaxed);
        self.all.fetch_add(more, Relaxed);
        self.permits.add_permits(more);
        true
    }
}

impl Concurrency {
    /// Half of them are enough: the free ones go now.
    fn shrink(&self, all: usize) {
        let wanted = (all / 2).max(self.least);
        self.wanted.store(wanted, Relaxed);
        let gone = self.permits.forget_permits(all - wanted);
        self.all.fetch_sub(gone, Relaxed);
    }
}

impl Drop for TaskPermit<'_> {
    fn drop(&mut self) {
        let Concurrency { all, wanted, .. } = self.concurrency;
        let shrink = |all| (all > wanted.load(Relaxed)).then(|| all - 1);
        if all.fetch_update(Relaxed, Relaxed, shrink).is_ok()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concurrency_grows_while_functions_wait_and_shrinks_when_they_compute() {
        let concurrency = Concurrency::new(1);
        let mut held = vec![concurrency.take().await, concurrency.take().await];
        assert!(!concurrency.look(true, OFTEN - 1));
        assert!(concurrency.look(true, OFTEN));
        assert_eq!((concurrency.all(), concurrency.free()), (4, 2));
        // There is room.
        assert!(!concurrency.look(true, OFTEN));
        held.extend([concurrency.take().await, concurrency.take().await]);
        assert!(concurrency.look(true, OFTEN));
        assert_eq!((concurrency.all(), concurrency.free()), (8, 4));
        held.extend([concurrency.take().await, concurrency.take().await]);
        // Functions compute: those that are free go at once, and others when they are given back.
        concurrency.look(false, 1);
        assert_eq!((concurrency.all(), concurrency.free()), (6, 0));
        drop(held.split_off(3));
        assert_eq!((concurrency.all(), concurrency.free()), (4, 1));
        // No task needs them all.
        drop(held);
        concurrency.look(true, 1);
        concurrency.look(true, 1);
        assert_eq!((concurrency.all(), concurrency.free()), (2, 2));
    }
}
