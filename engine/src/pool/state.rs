//! What a segment holds: records that wait, work that was cut, and places in the order of results.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::slots::{Slot, Slots};
use crate::Error;
use crate::fault::Fault;
use crate::plugin::{Core, MOST_BYTES};
use crate::record::{Batch, BatchBuilder};

/// A segment holds about this many bytes, of records that wait and of results that are not yet
/// wanted. A single record may be larger.
const HELD_BYTES: usize = 8 << 20;

/// Batches with less than this are put together while they wait.
const SMALL_BYTES: usize = 4 << 10;

pub(super) struct State {
    /// Records that no worker has taken, in batches as they came.
    pub(super) queue: VecDeque<Batch>,
    /// Small batches and single records, put together at the end of the queue.
    pub(super) open: BatchBuilder,
    /// Work that was begun and cut: it is older than the queue.
    pub(super) again: VecDeque<Work>,
    pub(super) slots: Slots<Place>,
    /// Finished places, for an unordered gather.
    pub(super) finished: VecDeque<Slot>,
    /// Bytes in `queue`, `open` and `again`.
    pub(super) waiting: usize,
    /// Bytes of results that the gather has not taken.
    pub(super) done: usize,
    pub(super) closing: bool,
    pub(super) failed: Option<Error>,
    /// A record is known to be a fault: what is behind it is not wanted.
    pub(super) stopping: bool,
    /// The fault that ends the run, now that the records before it are passed on.
    pub(super) ending: Option<Fault>,
}

/// A piece of work for one call of one stage.
pub(super) struct Work {
    pub(super) slot: Slot,
    pub(super) stage: usize,
    pub(super) batch: Batch,
    /// To be given record by record, since one of them is suspected.
    pub(super) alone: bool,
}

/// What is known of one place in the order.
pub(super) struct Place {
    /// How many unfinished records are counted here.
    pub(super) permits: usize,
    /// The first fault among them.
    pub(super) fault: Option<Fault>,
    /// The results, once all stages are done.
    pub(super) output: Option<Batch>,
}

/// What a gather does next.
pub(crate) enum Next {
    /// Passes these on, and then gives back so many permits.
    Output(Batch, usize),
    /// Has nothing to pass on at the moment.
    Pause,
    /// Ends: all is delivered.
    End,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            open: BatchBuilder::default(),
            again: VecDeque::new(),
            slots: Slots::new(),
            finished: VecDeque::new(),
            waiting: 0,
            done: 0,
            closing: false,
            failed: None,
            stopping: false,
            ending: None,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.open.len() > 0 || !self.again.is_empty()
    }

    /// Whether more records may come in.
    pub(super) fn has_room(&self) -> bool {
        self.waiting + self.done < HELD_BYTES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && !self.has_work()
    }

    pub(super) fn enqueue(&mut self, batch: Batch) {
        self.waiting += batch.data().len();
        if batch.data().len() >= SMALL_BYTES {
            self.close_open();
            self.queue.push_back(batch);
            return;
        }
        for (number, record) in batch.iter() {
            self.open.push(number, |data| data.extend_from_slice(record));
        }
        if self.open.bytes() >= MOST_BYTES {
            self.close_open();
        }
    }

    fn close_open(&mut self) {
        if self.open.len() > 0 {
            self.queue.push_back(std::mem::take(&mut self.open).build());
        }
    }

    /// A record of a place is a fault, and its work ends before it. The run will end there.
    pub(super) fn stop(&mut self, slot: Slot, fault: Fault) {
        self.stopping = true;
        self.queue.clear();
        self.open = BatchBuilder::default();
        let behind: HashSet<Slot> = self.slots.behind(slot).collect();
        self.again.retain(|work| !behind.contains(&work.slot));
        self.waiting = self.again.iter().map(|work| work.batch.data().len()).sum();
        // A fault that was noted here before is of a record further behind.
        self.slots.get_mut(slot).fault = Some(fault);
    }

    /// The next work, cut to what its stage takes at once.
    pub(super) fn take(&mut self, stages: &[Arc<Core>]) -> Option<Work> {
        let congested = self.done >= HELD_BYTES;
        let next = if congested {
            // Only what the gather waits for may add to its results.
            self.again.iter().position(|work| Some(work.slot) == self.slots.head())
        } else {
            (!self.again.is_empty()).then_some(0)
        };
        if let Some(index) = next {
            let mut work = self.again.remove(index)?;
            let n = fitting(&stages[work.stage], &work.batch, work.alone);
            if n < work.batch.len() {
                let rest = work.batch.split_off(n);
                let slot = self.cut(work.slot, &rest);
                self.again.insert(index, Work { slot, stage: work.stage, batch: rest, alone: work.alone });
            }
            self.waiting -= work.batch.data().len();
            return Some(work);
        }
        if congested && !self.slots.is_empty() {
            return None;
        }
        if self.queue.is_empty() {
            self.close_open();
        }
        let front = self.queue.front_mut()?;
        let n = stages.first().map_or(front.len(), |stage| fitting(stage, front, false));
        let mut batch = self.queue.pop_front()?;
        if n < batch.len() {
            self.queue.push_front(batch.split_off(n));
        }
        self.waiting -= batch.data().len();
        let slot = self.slots.push(Place { permits: batch.len(), fault: None, output: None });
        Some(Work { slot, stage: 0, batch, alone: false })
    }

    /// A place for `rest`, which is cut off from what `slot` stands for.
    pub(super) fn cut(&mut self, slot: Slot, rest: &Batch) -> Slot {
        let place = self.slots.get_mut(slot);
        let permits = rest.sources().min(place.permits);
        place.permits -= permits;
        self.slots.insert_after(slot, Place { permits, fault: None, output: None })
    }

    /// What the gather does next; none if it has to wait.
    pub(super) fn step(&mut self, ordered: bool) -> Result<Option<Next>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some(fault) = self.ending.take() {
            return Err(Error::Fault(fault));
        }
        let finished = self.finished.pop_front();
        let Some(slot) = finished.or(self.slots.head()) else {
            let end = self.closing && !self.has_work();
            return Ok(end.then_some(Next::End));
        };
        let place = self.slots.get(slot);
        // An unordered gather takes the head only if it is the fault that ends the run.
        let due = finished.is_some() || ordered || place.fault.is_some();
        if !due || place.output.is_none() {
            return Ok(None);
        }
        let Place { permits, fault, output } = self.slots.remove(slot);
        let output = output.expect("it was looked at above");
        self.done -= output.data().len();
        self.ending = fault;
        Ok(Some(Next::Output(output, permits)))
    }
}

/// How many records of `batch` a call of the stage takes.
fn fitting(stage: &Core, batch: &Batch, alone: bool) -> usize {
    let most = if alone { 1 } else { stage.pace.records() };
    most.min(batch.fitting(MOST_BYTES)).min(batch.len())
}
