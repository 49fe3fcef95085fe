//! Turns of one function in file systems, and its files that wait to be closed.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Shared;

/// The most calls of one function in file systems at once, stuck ones and closes included.
pub(in crate::plugin) const TURNS: usize = 64;

/// What the instances of one function share.
pub(crate) struct Lane {
    turns: Arc<Semaphore>,
    /// Calls that were given up and have not returned.
    pub(in crate::plugin) given_up: AtomicUsize,
    /// They take the next turns that end. What they hold is charged, which bounds them.
    closes: Mutex<VecDeque<Close>>,
}

/// A file to be closed.
pub(in crate::plugin) struct Close {
    pub(in crate::plugin) run: Box<dyn FnOnce() + Send>,
    /// After this long it counts as stuck.
    pub(in crate::plugin) patience: Duration,
}

impl Default for Lane {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(TURNS)), given_up: 0.into(), closes: Mutex::default() }
    }
}

impl Lane {
    /// Waits for a turn, which ends when the guard is dropped.
    pub(in crate::plugin) async fn turn(self: &Arc<Self>, threads: &Arc<Shared>) -> Turn {
        // A permit that comes when nobody waits for it any more is passed on by the guard, too.
        let mut turn = Turn { permit: None, lane: self.clone(), threads: Arc::downgrade(threads) };
        turn.permit = self.turns.clone().acquire_owned().await.ok();
        turn
    }

    /// Begins a close at the next turn.
    pub(in crate::plugin) fn close(self: &Arc<Self>, close: Close, threads: &Arc<Shared>) {
        self.closes().push_back(close);
        self.pass_on(None, threads);
    }

    pub(in crate::plugin) fn has_turns(&self) -> bool {
        self.turns.available_permits() > 0
    }

    /// Gives a turn to the first close that waits.
    fn pass_on(self: &Arc<Self>, permit: Option<OwnedSemaphorePermit>, threads: &Arc<Shared>) {
        // A permit goes back under the lock, so that no close is added meanwhile and waits for ever.
        let mut closes = self.closes();
        let Some(permit) = permit.or_else(|| self.turns.clone().try_acquire_owned().ok()) else { return };
        let Some(close) = closes.pop_front() else { return drop(permit) };
        drop(closes);
        let turn = Turn { permit: Some(permit), lane: self.clone(), threads: Arc::downgrade(threads) };
        threads.close(close, self, turn);
    }

    fn closes(&self) -> MutexGuard<'_, VecDeque<Close>> {
        self.closes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn of a function; when it ends, it is passed on.
pub(in crate::plugin) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    lane: Arc<Lane>,
    threads: Weak<Shared>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.upgrade() {
            self.lane.pass_on(self.permit.take(), &threads);
        }
    }
}
