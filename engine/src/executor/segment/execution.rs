//! The executor's side of a segment: work is given out, and its results come in.

use std::sync::Arc;

use super::contents::Work;
use super::failures::StageFailures;
use super::handle::Segment;
use super::result_order::Slot;
use crate::fault::Fault;
use crate::record::Batch;

impl Segment {
    /// Takes up the next work, and says whether there is more for others.
    pub(crate) fn take(&self) -> Option<(Work, bool)> {
        let mut state = self.state();
        let work = state.take(&self.stages, &*self.executor)?;
        let (more, waits) = (state.has_work(), state.waits_for_work(self.ordered));
        drop(state);
        if !more && waits && self.permits.available_permits() == 0 {
            self.widen(true);
        }
        Some((work, more))
    }

    /// Puts a work back in parts, in their order: the number of records of each, and whether they run one by one.
    pub(crate) fn put_back(&self, mut work: Work, parts: &[(usize, bool)]) {
        let mut state = self.state();
        let mut works = Vec::with_capacity(parts.len());
        for (records, alone) in parts {
            let rest = state.cut(&mut work, *records);
            let mut part = std::mem::replace(&mut work, rest);
            part.alone = *alone;
            works.push(part);
        }
        // Nothing is left after the last part.
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
}
