//! What a segment holds: records that wait, work that was cut, and places in the order of results.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::executor::Executor;
use super::failures::{StageFailures, split_off};
use super::receipt::Receipt;
use super::result_order::{ResultOrder, Slot};
use crate::Error;
use crate::fault::Fault;
use crate::function::Isolation;
use crate::plugin::{FunctionCore, MOST_BYTES};
use crate::record::{Batch, BatchBuilder};

/// A segment holds about this many bytes, beside those that may be at work: of records that wait, and of
/// results that are not yet wanted. A single record may be larger.
const HELD_BYTES: usize = 8 << 20;

/// Batches with less than this are put together while they wait.
const SMALL_BYTES: usize = 4 << 10;

pub(crate) struct SegmentContents {
    /// Records that no thread has taken, in batches as they came.
    pub(crate) queue: VecDeque<Batch>,
    /// Small batches and single records, put together at the end of the queue.
    pub(crate) open: BatchBuilder,
    /// The number of the first of these.
    open_from: u64,
    /// Work that was begun and cut: it is older than the queue.
    pub(crate) again: VecDeque<Work>,
    pub(crate) order: ResultOrder<Pending>,
    /// Finished places, for an unordered gather.
    pub(crate) finished: VecDeque<Slot>,
    /// Bytes of all that is here or at work.
    held: usize,
    /// How many that may be.
    most: usize,
    /// Bytes of results that the gather has not taken.
    pub(crate) done: usize,
    /// All records up to this one were dropped at the head of the order.
    passed: Option<u64>,
    pub(crate) closing: bool,
    pub(crate) failed: Option<Error>,
    /// A record is known to be a fault that ends the run: later records are not wanted.
    pub(crate) stopping: bool,
    /// The fault that ends the run, now that the records before it are passed on.
    pub(crate) ending: Option<Fault>,
}

/// A piece of work for one call of one stage.
pub(crate) struct Work {
    pub(crate) slot: Slot,
    pub(crate) stage: usize,
    pub(crate) batch: Batch,
    /// To be given record by record, since one of them is suspected.
    pub(crate) alone: bool,
    /// The bytes that are counted for it.
    held: usize,
}

impl Work {
    /// Work that nothing is counted for yet.
    fn new(slot: Slot, stage: usize, batch: Batch, alone: bool) -> Self {
        Self { slot, stage, batch, alone, held: 0 }
    }
}

/// What is known of one place in the order.
pub(crate) struct Pending {
    /// How many unfinished records are counted here.
    pub(crate) permits: usize,
    /// The number of the last record that belongs here, though it may be dropped by now.
    last: u64,
    /// The first fault among them that ends the run.
    pub(crate) fault: Option<Fault>,
    /// The others, by their records once they are delivered.
    failures: Vec<StageFailures>,
    /// The results, once all stages are done.
    pub(crate) output: Option<Batch>,
    /// Dropped when all of it has left.
    receipt: Option<Receipt>,
}

impl Pending {
    fn new(permits: usize, last: u64) -> Self {
        Self { permits, last, fault: None, failures: Vec::new(), output: None, receipt: None }
    }
}

/// What is due of one place in the order.
pub(crate) struct Due {
    pub(crate) output: Batch,
    /// To be handled once the outputs are passed on.
    pub(crate) failures: Vec<StageFailures>,
    /// To be given back then.
    pub(crate) permits: usize,
    /// The number of the last record that is done then, with all before it.
    pub(crate) last: u64,
    /// To be dropped then.
    pub(crate) receipt: Option<Receipt>,
}

/// What a gather does next.
pub(crate) enum Next {
    /// Passes outputs on, and handles their failures.
    Due(Due),
    /// Has nothing to pass on at the moment.
    Pause,
    /// Ends: all is delivered.
    End,
}

impl SegmentContents {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            open: BatchBuilder::default(),
            open_from: 0,
            again: VecDeque::new(),
            order: ResultOrder::new(),
            finished: VecDeque::new(),
            held: 0,
            most: HELD_BYTES + room,
            done: 0,
            passed: None,
            closing: false,
            failed: None,
            stopping: false,
            ending: None,
        }
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.open.len() > 0 || !self.again.is_empty()
    }

    /// Whether all that came in is out, but for what the gather has been given.
    pub(crate) fn is_empty(&self) -> bool {
        let goes_on = self.failed.is_none() && !self.stopping && self.ending.is_none();
        goes_on && !self.has_work() && self.order.head().is_none() && self.passed.is_none()
    }

    /// Whether more records may come in.
    pub(crate) fn has_room(&self) -> bool {
        self.held < self.most
    }

    /// Counts the bytes that a work has now.
    pub(crate) fn weigh(&mut self, work: &mut Work) {
        let now = work.batch.weight();
        self.held = self.held + now - work.held;
        work.held = now;
    }

    /// Whether results fill their room, so that threads add only what the gather waits for.
    fn is_congested(&self) -> bool {
        self.done >= HELD_BYTES
    }

    /// Whether threads work here, or will. Otherwise nothing happens here until the gather takes results.
    pub(crate) fn is_at_work(&self) -> bool {
        let at_work = self.order.iter().any(|place| place.output.is_none());
        at_work || (self.has_work() && !self.is_congested())
    }

    /// Whether the gather waits for work that is being done, and not the other way round.
    pub(crate) fn waits_for_work(&self, ordered: bool) -> bool {
        let head = self.order.head().map(|head| self.order.get(head));
        if ordered { head.is_some_and(|head| head.output.is_none()) } else { self.finished.is_empty() }
    }

    /// Whether work lies here that only somebody who looks again will find: a place that finished
    /// without results made another the first one.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_congested() && self.has_work()
    }

    pub(crate) fn enqueue(&mut self, batch: Batch) {
        self.held += batch.data().len();
        self.is_part(batch.number(0));
        if batch.data().len() >= SMALL_BYTES || batch.has_origin() {
            self.close_open();
            self.queue.push_back(batch);
            return;
        }
        if self.open.len() == 0 {
            self.open_from = batch.number(0);
        }
        for (number, record) in batch.iter() {
            self.open.push(number, |data| data.extend_from_slice(record));
        }
        if self.open.bytes() >= MOST_BYTES {
            self.close_open();
        }
    }

    /// Another piece of the record `number` comes behind all that was taken up: that record is not done with
    /// the last place yet.
    fn is_part(&mut self, number: u64) {
        let tail = self.order.tail().map(|tail| &mut self.order.get_mut(tail).last);
        for last in tail.into_iter().chain(&mut self.passed) {
            if *last == number {
                *last -= 1;
            }
        }
    }

    fn close_open(&mut self) {
        if self.open.len() > 0 {
            self.queue.push_back(std::mem::take(&mut self.open).build());
        }
    }

    /// A record of a place is a fault, and its work ends before it. The run will end there.
    pub(crate) fn stop(&mut self, slot: Slot, fault: Fault) {
        self.stopping = true;
        self.close_open();
        let mut dropped: usize = self.queue.drain(..).map(|batch| batch.data().len()).sum();
        let behind: HashSet<Slot> = self.order.behind(slot).collect();
        self.again.retain(|work| {
            let keep = !behind.contains(&work.slot);
            dropped += if keep { 0 } else { work.held };
            keep
        });
        self.held -= dropped;
        // A fault that was noted here before is of a later record.
        self.order.get_mut(slot).fault = Some(fault);
    }

    /// Records of a work are faults that do not end the run. Their place keeps its permits until the
    /// gather has handled them, so that no more are unfinished than may be.
    pub(crate) fn put_aside(&mut self, slot: Slot, failures: StageFailures) {
        let size = failures.size();
        self.held += size;
        self.done += size;
        self.order.get_mut(slot).failures.push(failures);
    }

    /// The next work, cut to what its stage takes at once.
    pub(crate) fn take(&mut self, stages: &[Arc<FunctionCore>], executor: &dyn Executor) -> Option<Work> {
        if self.failed.is_some() {
            return None;
        }
        let congested = self.is_congested();
        let next = if congested {
            // Only what the gather waits for may add to its results.
            self.again.iter().position(|work| Some(work.slot) == self.order.head())
        } else {
            (!self.again.is_empty()).then_some(0)
        };
        if let Some(index) = next {
            let mut work = self.again.remove(index)?;
            let n = executor.fitting(&stages[work.stage], &work.batch, work.alone);
            if n < work.batch.len() {
                let rest = self.cut(&mut work, n);
                self.again.insert(index, rest);
            }
            return Some(work);
        }
        if congested && !self.order.is_empty() {
            return None;
        }
        if self.queue.is_empty() {
            self.close_open();
        }
        let front = self.queue.front_mut()?;
        let n = stages.first().map_or(front.len(), |stage| executor.fitting(stage, front, false));
        let mut batch = self.queue.pop_front()?;
        if stages.iter().any(|stage| stage.policy().keeps_records()) {
            batch.keep_as_origin();
        }
        if n < batch.len() {
            self.queue.push_front(batch.split_off(n));
        }
        let slot = self.order.push(Pending::new(batch.len(), batch.number(batch.len() - 1)));
        let open = (self.open.len() > 0).then_some(self.open_from);
        if let Some(next) = self.queue.front().map(|next| next.number(0)).or(open) {
            self.is_part(next);
        }
        // It was counted when it came.
        let held = batch.data().len();
        Some(Work { slot, stage: 0, batch, alone: false, held })
    }

    /// Leaves the first `n` records of a work and returns the rest, with a place of its own right
    /// behind. Takes as long as there are records that stay.
    pub(crate) fn cut(&mut self, work: &mut Work, n: usize) -> Work {
        let batch = work.batch.split_off(n);
        // A record whose outputs are cut in two is counted at its last part.
        let shared = n > 0 && !batch.is_empty() && work.batch.number(n - 1) == batch.number(0);
        let staying = work.batch.sources() - usize::from(shared);
        let place = self.order.get_mut(work.slot);
        let permits = place.permits.saturating_sub(staying);
        place.permits -= permits;
        // Work ends before its fault, so the fault is after all that is cut.
        let fault = place.fault.take();
        let first = (!batch.is_empty()).then(|| batch.number(0));
        let failures = first.map_or_else(Vec::new, |first| split_off(&mut place.failures, first));
        let last = place.last;
        place.last = first.map_or(last, |first| first - 1);
        let slot =
            self.order.insert_after(work.slot, Pending { fault, failures, ..Pending::new(permits, last) });
        let mut rest = Work::new(slot, work.stage, batch, work.alone);
        self.weigh(work);
        self.weigh(&mut rest);
        rest
    }

    /// `receipt` is dropped when all of a place has left.
    #[cfg(feature = "cluster")]
    pub(crate) fn expect_receipt(&mut self, slot: Slot, receipt: Receipt) {
        self.order.get_mut(slot).receipt = Some(receipt);
    }

    /// Puts a work back to be taken next, unless the segment has ended.
    pub(crate) fn put_back(&mut self, work: Work) {
        if self.failed.is_none() {
            self.again.push_front(work);
        }
    }

    /// All stages are done with a work. Returns how many of its records have left.
    pub(crate) fn finish(&mut self, work: Work, ordered: bool) -> usize {
        let Work { slot, batch: output, held, .. } = work;
        let place = self.order.get_mut(slot);
        // What was dropped or is a fault has left.
        let no_failures = place.failures.is_empty();
        let left = if no_failures { place.permits.saturating_sub(output.sources()) } else { 0 };
        place.permits -= left;
        self.held -= held;
        if output.is_empty() && place.fault.is_none() && no_failures {
            let last = place.last;
            // Its records are done when those before it are.
            match self.order.before(slot) {
                Some(before) => self.order.get_mut(before).last = last,
                None => self.passed = Some(last),
            }
            self.order.remove(slot);
            return left;
        }
        let finished = !ordered && place.fault.is_none();
        self.held += output.weight();
        self.done += output.weight();
        place.output = Some(output);
        self.finished.extend(finished.then_some(slot));
        left
    }

    /// What the gather does next; none if it has to wait.
    pub(crate) fn step(&mut self, ordered: bool) -> Result<Option<Next>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some(fault) = self.ending.take() {
            return Err(Error::Fault(fault));
        }
        if let Some(last) = self.passed.take() {
            return Ok(Some(Next::Due(Due {
                output: Batch::empty(),
                failures: Vec::new(),
                permits: 0,
                last,
                receipt: None,
            })));
        }
        let finished = self.finished.pop_front();
        let Some(slot) = finished.or(self.order.head()) else {
            let end = self.closing && !self.has_work();
            return Ok(end.then_some(Next::End));
        };
        let place = self.order.get(slot);
        // An unordered gather takes the head only if it is the fault that ends the run.
        let due = finished.is_some() || ordered || place.fault.is_some();
        if !due || place.output.is_none() {
            return Ok(None);
        }
        let Pending { permits, last, fault, failures, output, receipt } = self.order.remove(slot);
        let output = output.expect("it was looked at above");
        let size = output.weight() + failures.iter().map(StageFailures::size).sum::<usize>();
        self.done -= size;
        self.held -= size;
        // Records after the outputs that a fault cut off are not done.
        let last = fault.as_ref().map_or(last, |fault| last.min(fault.record - 1));
        self.ending = fault;
        Ok(Some(Next::Due(Due { output, failures, permits, last, receipt })))
    }
}

/// How many records of `batch` a call of the stage takes.
pub(crate) fn fitting(stage: &FunctionCore, batch: &Batch, alone: bool) -> usize {
    let each = stage.has_effects() || stage.limits().isolation == Isolation::Record;
    let most = if alone || each { 1 } else { stage.batch_size.records() };
    most.min(batch.fitting(MOST_BYTES)).min(batch.len())
}
