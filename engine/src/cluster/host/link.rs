//! What the executor of a cluster shares with the thread that hands its work out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::membership::FEWEST_TASKS;
use crate::Error;
use crate::cluster::transport::Receipt;
use crate::executor::{Executor, Home, Segment};
use crate::metrics::WorkerStatus;

/// What the executor and its thread share.
pub(super) struct Link {
    ready: Mutex<Ready>,
    /// Finds the pool whose executor this is.
    home: OnceLock<Home>,
    /// Acknowledgements that are due.
    due: Mutex<Vec<Acknowledgements>>,
    /// Rung when there is more work, or more to acknowledge.
    pub(super) bell: Notify,
    /// Cancelled when the thread has to clear up.
    pub(super) over: CancellationToken,
    /// The thread has cleared up.
    cleared: (Mutex<bool>, Condvar),
    /// How many tasks may be in flight.
    most_tasks: AtomicUsize,
    workers: Mutex<Vec<WorkerStatus>>,
}

#[derive(Default)]
struct Ready {
    /// Segments that have work, each once, in turn.
    segments: VecDeque<Arc<Segment>>,
    /// Why their work is not done any more.
    failure: Option<Error>,
}

/// The messages of a result, acknowledged once all of it is out.
pub(super) struct Acknowledgements {
    pub(super) receipts: Vec<Arc<dyn Receipt>>,
    /// Their size in bytes.
    pub(super) bytes: usize,
}

/// Makes acknowledgements due when it is dropped: then nothing of the result is here any more.
pub(super) struct Unacknowledged {
    pub(super) link: Arc<Link>,
    pub(super) acknowledgements: Acknowledgements,
}

impl Drop for Unacknowledged {
    fn drop(&mut self) {
        let Acknowledgements { receipts, bytes } = &mut self.acknowledgements;
        let due = Acknowledgements { receipts: std::mem::take(receipts), bytes: *bytes };
        lock(&self.link.due).push(due);
        self.link.bell.notify_one();
    }
}

/// Says that the thread has cleared up, or can't any more, when it is dropped.
pub(super) struct Cleared(pub(super) Arc<Link>);

impl Drop for Cleared {
    fn drop(&mut self) {
        let (cleared, told) = &self.0.cleared;
        *lock(cleared) = true;
        told.notify_all();
    }
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            ready: Mutex::default(),
            home: OnceLock::new(),
            due: Mutex::default(),
            bell: Notify::new(),
            over: CancellationToken::new(),
            cleared: Default::default(),
            most_tasks: FEWEST_TASKS.into(),
            workers: Mutex::default(),
        }
    }

    /// Ends all segments, and those that come.
    pub(super) fn fail(&self, segments: &[Weak<Segment>], error: &Error) {
        let ready = {
            let mut ready = lock(&self.ready);
            ready.failure = Some(error.clone());
            std::mem::take(&mut ready.segments)
        };
        for segment in segments.iter().filter_map(Weak::upgrade).chain(ready) {
            segment.fail(error.clone());
        }
    }

    /// Takes in a segment that has work, and is marked as listed.
    pub(super) fn enlist(&self, segment: Arc<Segment>) -> Result<(), Error> {
        let mut ready = lock(&self.ready);
        match &ready.failure {
            Some(error) => Err(error.clone()),
            None => {
                ready.segments.push_back(segment);
                Ok(())
            }
        }
    }

    /// The next segment that has work.
    pub(super) fn next(&self) -> Option<Arc<Segment>> {
        lock(&self.ready).segments.pop_front()
    }

    /// Sets the pool whose executor this is.
    pub(super) fn set_home(&self, home: Home) {
        let _ = self.home.set(home);
    }

    /// Does on this machine what can't be sent to another one.
    pub(super) fn home(&self) -> Option<Arc<dyn Executor>> {
        self.home.get()?()
    }

    /// Takes the acknowledgements that have become due.
    pub(super) fn take_due(&self) -> Vec<Acknowledgements> {
        std::mem::take(&mut *lock(&self.due))
    }

    pub(super) fn set_workers(&self, workers: Vec<WorkerStatus>, most_tasks: usize) {
        *lock(&self.workers) = workers;
        self.most_tasks.store(most_tasks, Relaxed);
    }

    pub(super) fn workers(&self) -> Vec<WorkerStatus> {
        lock(&self.workers).clone()
    }

    /// How many tasks may be in flight.
    pub(super) fn most_tasks(&self) -> usize {
        self.most_tasks.load(Relaxed)
    }

    /// Waits until the thread has cleared up.
    pub(super) fn wait_until_cleared(&self) {
        let (cleared, told) = &self.cleared;
        drop(told.wait_while(lock(cleared), |cleared| !*cleared));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
