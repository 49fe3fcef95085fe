//! A segment: what its scatter, its executor and its gather share.
//!
//! Each of them has a file: `intake.rs` takes records in, `execution.rs` gives them out as work and takes results,
//! `delivery.rs` passes results on.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::{Notify, Semaphore};

use super::contents::SegmentContents;
use super::executor::Executor;
use super::inline::InlineExecution;
use super::pace::Pace;
use crate::Error;
use crate::monitor::{Gauge, lock};
use crate::plugin::FunctionCore;
use crate::progress::{Activity, BoxFuture, GraphContext, Inside, KeptNode};
use crate::record::BatchBuilder;

/// How many records may be unfinished in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    /// Exactly this many.
    Exactly(usize),
    /// This many at most: as many as leave within about a second.
    UpTo(usize),
}

/// Records between a scatter and its gather.
pub(crate) struct Segment {
    pub(crate) stages: Vec<Arc<FunctionCore>>,
    pub(super) executor: Arc<dyn Executor>,
    /// One permit for each record that may be unfinished. A record takes it in `push`, and it
    /// comes back when the record has left: delivered, dropped, or a fault.
    pub(super) permits: Semaphore,
    /// How many of them there are.
    pub(super) allowed: AtomicUsize,
    /// What changes this number, if it is not exact.
    pub(super) pace: Option<Mutex<Pace>>,
    pub(super) ordered: bool,
    pub(super) context: Arc<GraphContext>,
    /// Its place among those that say how far elements are done.
    pub(super) tracked: usize,
    /// The number of the last record that has left, with all before it if it is ordered.
    pub(super) done_to: AtomicU64,
    pub(super) state: Mutex<SegmentContents>,
    pub(super) listed: AtomicBool,
    /// Something for the gather: the next result, the end, or a failure.
    pub(super) news: Notify,
    pub(super) inline: InlineExecution,
    /// Bytes were taken away.
    pub(super) drained: Notify,
    /// Records have left.
    emptied: Notify,
}

impl Segment {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        stages: Vec<Arc<FunctionCore>>,
        buffer: Buffer,
        ordered: bool,
        context: Arc<GraphContext>,
    ) -> Arc<Self> {
        let room = executor.room();
        let (permits, pace) = match buffer {
            Buffer::Exactly(permits) => (permits, None),
            Buffer::UpTo(most) => {
                let pace = Pace::new(most.min(Semaphore::MAX_PERMITS), Instant::now());
                (pace.allowed(), Some(Mutex::new(pace)))
            }
        };
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        let segment = Arc::new(Self {
            stages,
            executor,
            permits: Semaphore::new(permits),
            allowed: permits.into(),
            pace,
            ordered,
            tracked: context.track(false),
            context,
            done_to: AtomicU64::new(0),
            state: Mutex::new(SegmentContents::new(room)),
            listed: AtomicBool::new(false),
            news: Notify::new(),
            inline: InlineExecution::default(),
            drained: Notify::new(),
            emptied: Notify::new(),
        });
        let work: Weak<Self> = Arc::downgrade(&segment);
        segment.context.waits.add(work);
        segment
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SegmentContents> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its elements are counted by.
    pub(crate) fn context(&self) -> &GraphContext {
        &self.context
    }

    /// Lets more records be unfinished.
    pub(crate) fn allow(&self, more: usize) {
        let more = more.min(Semaphore::MAX_PERMITS - self.permits.available_permits());
        self.allowed.fetch_add(more, Ordering::Relaxed);
        self.permits.add_permits(more);
    }

    /// Returns true for the caller that is to put the segment in the pool's list.
    pub(crate) fn mark_listed(&self) -> bool {
        !self.listed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn mark_unlisted(&self) {
        self.listed.store(false, Ordering::Release);
    }

    /// Ends the segment at once with an error, which everything that waits for the segment gets.
    pub(crate) fn fail(&self, error: Error) {
        self.context.fail(self.state().failed.get_or_insert(error).clone());
        self.abandon();
    }

    /// Drops what is left, since nothing gathers it any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.failed.get_or_insert(Error::Closed);
        state.queue.clear();
        state.again.clear();
        state.open = BatchBuilder::default();
        drop(state);
        self.permits.close();
        self.news.notify_one();
        self.drained.notify_one();
        self.emptied.notify_waiters();
    }

    /// No more records will come.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.news.notify_one();
    }

    /// Records have left: as many others may come.
    pub(super) fn release(&self, permits: usize) {
        self.context.remove_unfinished(permits);
        let mut others = permits;
        if let Some(pace) = self.pace.as_ref().filter(|_| permits > 0) {
            others = lock(pace).leave(permits, Instant::now());
            self.allowed.fetch_sub(permits - others, Ordering::Relaxed);
        }
        self.permits.add_permits(others);
        self.emptied.notify_waiters();
    }

    /// Records wait although more may be unfinished, if the buffer is not exact.
    pub(super) fn widen(&self, idle: bool) {
        if let Some(pace) = &self.pace {
            let more = lock(pace).widen(idle, Instant::now());
            self.allowed.fetch_add(more, Ordering::Relaxed);
            self.permits.add_permits(more);
            self.emptied.notify_waiters();
        }
    }
}

impl Segment {
    /// Whether it ended well, now that it takes nothing more.
    fn ended(&self) -> Result<(), Error> {
        match &self.state().failed {
            Some(Error::Closed) | None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }
}

impl KeptNode for Segment {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            loop {
                let mut emptied = pin!(self.emptied.notified());
                emptied.as_mut().enable();
                if self.state().failed.is_some() {
                    return self.ended();
                }
                // All permits are back when nothing is unfinished.
                if self.permits.available_permits() >= self.allowed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                emptied.await;
            }
        })
    }
}

impl Activity for Segment {
    fn goes_on(&self) -> bool {
        self.state().is_at_work()
    }

    fn first_inside(&self) -> Option<Inside> {
        let (allowed, left) = (self.allowed.load(Ordering::Relaxed), self.permits.available_permits());
        if allowed <= left {
            return None;
        }
        // Before the first one has left, none before the first number has.
        let done = self.done_to.load(Ordering::Relaxed).max(self.context.before());
        Some(if self.ordered { Inside::From(done + 1) } else { Inside::Unknown })
    }
}

impl Gauge for Segment {
    fn filled(&self) -> (u64, u64) {
        let limit = self.allowed.load(Ordering::Relaxed);
        (limit.saturating_sub(self.permits.available_permits()) as u64, limit as u64)
    }
}
