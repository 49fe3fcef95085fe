//! What lies between a scatter and its gather: records that wait, records at work, and results
//! in the order in which they are owed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};

use super::contents::{Next, SegmentContents, Work};
use super::executor::Executor;
use super::failures::{RecordFailure, StageFailures, in_order};
use super::inline::InlineExecution;
use super::result::{Ending, Receipt, SegmentResult};
use super::result_order::Slot;
use crate::Error;
use crate::fault::Fault;
use crate::monitor::Gauge;
use crate::plugin::Core;
use crate::policy::Faults;
use crate::progress::Activity;
use crate::progress::GraphContext;
use crate::record::{Batch, BatchBuilder};

/// Records between a scatter and its gather.
pub(crate) struct Segment {
    pub(crate) stages: Vec<Arc<Core>>,
    executor: Arc<dyn Executor>,
    /// One permit for each record that may be unfinished. A record takes it in `push`, and it
    /// comes back when the record has left: delivered, dropped, or a fault.
    permits: Semaphore,
    /// How many of them there are.
    allowed: AtomicUsize,
    ordered: bool,
    context: Arc<GraphContext>,
    /// Its place among those that say how far elements are done.
    tracked: usize,
    /// The number of the last record that has left, with all before it if it is ordered.
    done_to: AtomicU64,
    state: Mutex<SegmentContents>,
    listed: AtomicBool,
    /// Something for the gather: the next result, the end, or a failure.
    news: Notify,
    inline: InlineExecution,
    /// Bytes were taken away.
    drained: Notify,
}

impl Segment {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        stages: Vec<Arc<Core>>,
        buffer: usize,
        ordered: bool,
        context: Arc<GraphContext>,
    ) -> Arc<Self> {
        let room = executor.room();
        let segment = Arc::new(Self {
            stages,
            executor,
            permits: Semaphore::new(buffer.clamp(1, Semaphore::MAX_PERMITS)),
            allowed: buffer.clamp(1, Semaphore::MAX_PERMITS).into(),
            ordered,
            tracked: context.track(false),
            context,
            done_to: AtomicU64::new(0),
            state: Mutex::new(SegmentContents::new(room)),
            listed: AtomicBool::new(false),
            news: Notify::new(),
            inline: InlineExecution::default(),
            drained: Notify::new(),
        });
        let work: Weak<Self> = Arc::downgrade(&segment);
        segment.context.waits.add(work);
        segment
    }

    fn state(&self) -> MutexGuard<'_, SegmentContents> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its elements are counted by.
    pub(crate) fn context(&self) -> &GraphContext {
        &self.context
    }

    /// So many more records may be unfinished.
    pub(crate) fn allow(&self, more: usize) {
        let more = more.min(Semaphore::MAX_PERMITS - self.permits.available_permits());
        self.allowed.fetch_add(more, Ordering::Relaxed);
        self.permits.add_permits(more);
    }

    /// True for the one who is to put the segment in the pool's list.
    pub(crate) fn mark_listed(&self) -> bool {
        !self.listed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn mark_unlisted(&self) {
        self.listed.store(false, Ordering::Release);
    }

    /// Takes records in; waits while as many as the buffer allows are unfinished.
    pub(crate) async fn push(self: &Arc<Self>, batch: Batch) -> Result<(), Error> {
        self.take_in(batch, || self.executor.enlist(self)).await
    }

    /// The same with a single record. If no worker is awake, the caller's thread does the work
    /// itself, as far as it need not wait: to wake a worker takes longer than most functions. The
    /// result goes to the gather as ever, since the closures behind it may wait for the caller.
    pub(crate) async fn push_here(self: &Arc<Self>, one: Batch) -> Result<(), Error> {
        if !self.inline.is_worth_it() {
            return self.push(one).await;
        }
        let here = AtomicBool::new(false);
        let work = || {
            let begun = Instant::now();
            let done = self.executor.work_here(self);
            here.store(done, Ordering::Relaxed);
            if done {
                self.inline.learn(begun, Instant::now());
            } else {
                self.executor.enlist(self);
            }
        };
        self.take_in(one, work).await?;
        if here.into_inner() {
            // The gather may be next on this very thread, which the caller may now block for long.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Takes records in, and calls `begin` whenever there is new work.
    async fn take_in(&self, mut batch: Batch, begin: impl Fn()) -> Result<(), Error> {
        while !batch.is_empty() {
            // The permits come back if this future is dropped before the records are in.
            let permits = self.take_permits(batch.len()).await?;
            self.wait_for_room().await;
            let rest = batch.split_off(permits.num_permits());
            {
                let mut state = self.state();
                if let Some(error) = &state.failed {
                    return Err(error.clone());
                }
                // What comes behind a fault is not wanted any more.
                if !state.stopping {
                    self.context.begin(batch.len());
                    self.context.take(self.tracked, batch.number(0), batch.number(batch.len() - 1));
                    state.enqueue(batch);
                }
            }
            permits.forget();
            begin();
            batch = rest;
        }
        Ok(())
    }

    /// Waits for one permit, and takes as many as there are up to `wanted`.
    async fn take_permits(&self, wanted: usize) -> Result<SemaphorePermit<'_>, Error> {
        let permits = match self.permits.try_acquire() {
            Err(TryAcquireError::NoPermits) => {
                let _waiting = self.context.waits.wait();
                self.permits.acquire().await.ok()
            }
            permits => permits.ok(),
        };
        let Some(mut permits) = permits else { return Err(self.failure()) };
        let more = self.permits.available_permits().min(wanted - 1);
        if let Ok(more) = self.permits.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)) {
            permits.merge(more);
        }
        Ok(permits)
    }

    async fn wait_for_room(&self) {
        loop {
            let drained = self.drained.notified();
            {
                let state = self.state();
                if state.has_room() || state.failed.is_some() {
                    return;
                }
            }
            let _waiting = self.context.waits.wait();
            drained.await;
        }
    }

    fn failure(&self) -> Error {
        self.state().failed.clone().unwrap_or(Error::Closed)
    }

    /// Ends the segment at once; whoever waits for it is told.
    pub(crate) fn fail(&self, error: Error) {
        self.context.fail(self.state().failed.get_or_insert(error).clone());
        self.end();
    }

    /// Nobody gathers any more: what is left is dropped, and nobody waits for it.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.failed.get_or_insert(Error::Closed);
        state.queue.clear();
        state.again.clear();
        state.open = BatchBuilder::default();
        drop(state);
        self.permits.close();
        self.news.notify_one();
        self.drained.notify_one();
    }

    /// No more records will come.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.news.notify_one();
    }

    /// Takes up the next work, and says whether there is more for others.
    pub(crate) fn take(&self) -> Option<(Work, bool)> {
        let mut state = self.state();
        let work = state.take(&self.stages, &*self.executor)?;
        Some((work, state.has_work()))
    }

    /// Puts a work back in parts, in their order: so many records each, and whether they are to be
    /// given one by one.
    pub(crate) fn put_back(&self, mut work: Work, parts: &[(usize, bool)]) {
        let mut state = self.state();
        let mut works = Vec::with_capacity(parts.len());
        for (records, alone) in parts {
            let rest = state.cut(&mut work, *records);
            let mut part = std::mem::replace(&mut work, rest);
            part.alone = *alone;
            works.push(part);
        }
        // Nothing is left behind the last part.
        let left = state.finish(work, self.ordered);
        for work in works.into_iter().rev() {
            state.put_back(work);
        }
        drop(state);
        self.release(left);
    }

    /// Leaves the first `n` records of a work and puts the rest back, for the same stage. Says
    /// whether there was a rest.
    pub(crate) fn cut(&self, work: &mut Work, n: usize) -> bool {
        if n >= work.batch.len() {
            return false;
        }
        let mut state = self.state();
        let rest = state.cut(work, n);
        state.put_back(rest);
        true
    }

    /// Goes on with what a stage returned.
    pub(crate) fn advance(&self, work: &mut Work, output: Batch) {
        work.batch = output;
        work.stage += 1;
        work.alone = false;
        self.state().weigh(work);
    }

    /// Notes a record's fault, which ends the run once the records before it are out. The work of
    /// its place must end before it.
    pub(crate) fn fault(&self, slot: Slot, fault: Fault) {
        self.state().stop(slot, fault);
    }

    /// Notes records of a work as faults that do not end the run.
    pub(crate) fn put_aside(&self, slot: Slot, failures: StageFailures) {
        self.state().put_aside(slot, failures);
    }

    /// The outputs of a place were passed on: does with its faults what their stages' policies say.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn settle(
        &self,
        failures: Vec<StageFailures>,
        permits: usize,
        last: u64,
        receipt: Option<Receipt>,
    ) -> Result<(), Error> {
        // Of a record in many pieces there is one copy.
        let mut copied: Option<(u64, Arc<[u8]>)> = None;
        for RecordFailure { stage, record, cause, attempts } in in_order(failures) {
            let (stage, number) = (&self.stages[stage], record.number(0));
            let copy = || match &copied {
                Some((known, copy)) if *known == number => copy.clone(),
                _ => copied.insert((number, record.record(0).into())).1.clone(),
            };
            let fault = Fault { record: number, function: stage.name().into(), cause };
            stage.policy().settle(fault, copy, attempts, &*self.context)?;
        }
        self.release(permits);
        self.done_to.fetch_max(last, Ordering::Relaxed);
        let done = if self.ordered { Some(last) } else { self.all() };
        if let Some(done) = done {
            self.context.reach(self.tracked, done);
        }
        drop(receipt);
        Ok(())
    }

    /// The number of the last record that came in, if nothing is left.
    fn all(&self) -> Option<u64> {
        let state = self.state();
        state.is_empty().then(|| self.context.taken(self.tracked))
    }

    /// Somebody else took a work through all stages. `receipt` is dropped when all of it has left.
    pub(crate) fn complete(self: &Arc<Self>, mut work: Work, whole: SegmentResult, receipt: Receipt) {
        let SegmentResult { mut output, failed, ending } = whole;
        for failures in SegmentResult::failures(&failed, &self.stages, &work) {
            self.put_aside(work.slot, failures);
        }
        if let Some(Ending { stage, record, cause }) = ending {
            let function = self.stages[stage].name().into();
            self.fault(work.slot, Fault { record, function, cause });
        }
        output.keep_origin_of(&work.batch);
        self.state().expect_receipt(work.slot, receipt);
        self.advance(&mut work, output);
        self.finish(work);
    }

    /// So many records have left that somebody else settles.
    pub(crate) fn leave(&self, permits: usize) {
        self.release(permits);
    }

    /// The number of the last record that has left, with all before it if it is ordered.
    pub(crate) fn done_to(&self) -> u64 {
        self.done_to.load(Ordering::Relaxed)
    }

    /// Whether nobody wants results any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state().failed.is_some()
    }

    /// All stages are done with a work.
    pub(crate) fn finish(self: &Arc<Self>, work: Work) {
        let mut state = self.state();
        let left = state.finish(work, self.ordered);
        let stuck = state.is_stuck();
        drop(state);
        self.release(left);
        self.news.notify_one();
        self.drained.notify_one();
        if stuck {
            self.executor.enlist(self);
        }
    }

    /// Records have left: as many others may come.
    fn release(&self, permits: usize) {
        self.context.end(permits);
        self.permits.add_permits(permits);
    }

    /// What the gather does next. `paused` says that it was told to pause before, and so waits.
    ///
    /// # Errors
    ///
    /// The run's failure, after everything before it was passed on.
    pub(crate) async fn next(self: &Arc<Self>, paused: bool) -> Result<Next, Error> {
        loop {
            let step = self.state().step(self.ordered);
            match step {
                Ok(Some(next @ Next::Due(_))) => {
                    self.drained.notify_one();
                    // Workers stop while too many results wait.
                    if self.state().has_work() {
                        self.executor.enlist(self);
                    }
                    return Ok(next);
                }
                Ok(Some(next)) => return Ok(next),
                Ok(None) if !paused => return Ok(Next::Pause),
                Ok(None) => {
                    let _waiting = self.context.waits.wait();
                    self.news.notified().await;
                }
                Err(error) => {
                    if let Error::Fault(fault) = &error {
                        self.context.fault(fault, None);
                    }
                    self.fail(error.clone());
                    return Err(error);
                }
            }
        }
    }
}

impl Activity for Segment {
    fn goes_on(&self) -> bool {
        self.state().is_at_work()
    }
}

impl Gauge for Segment {
    fn filled(&self) -> (u64, u64) {
        let limit = self.allowed.load(Ordering::Relaxed);
        (limit.saturating_sub(self.permits.available_permits()) as u64, limit as u64)
    }
}
