//! Hands the work of segments out as tasks.

use std::sync::Arc;

use super::dispatcher::{Dispatcher, Ended};
use super::in_flight_task::InFlightTask;
use crate::Error;
use crate::cluster::protocol::wire::Task;
use crate::executor::{Segment, most_bytes};
use crate::record::Batch;

/// A task's message has no more bytes beside its records.
const HEADER: usize = 1 << 10;

impl Dispatcher {
    /// Hands out work while more tasks may be in flight.
    pub(super) fn hand_out(&mut self) -> Ended {
        while self.in_flight.len() < self.link.most_tasks() {
            let Some(segment) = self.link.next() else { return Ok(()) };
            let index = self.index_of(&segment);
            if !self.segments.get(index).told {
                // It is put back when workers know of it.
                continue;
            }
            segment.mark_unlisted();
            let Some((work, more)) = segment.take() else { continue };
            if more && segment.mark_listed() {
                let _ = self.link.enlist(segment.clone());
            }
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let task = InFlightTask { segment, index, work, refusal: None };
            if self.is_too_large(&task.work.batch) {
                self.run_here(task);
            } else {
                self.submit(task)?;
            }
        }
        Ok(())
    }

    /// A segment's index; workers hear of a new one.
    fn index_of(&mut self, segment: &Arc<Segment>) -> usize {
        let (index, untold) = self.segments.index_of(segment);
        if let Some(untold) = untold {
            self.errands.tell(index, untold.stages, untold.cores);
        }
        index
    }

    fn submit(&mut self, task: InFlightTask) -> Ended {
        let most = most_bytes(&self.segments.get(task.index as usize).terms);
        let (number, act) = self.in_flight.submit(most, self.now());
        self.tasks.insert(number, task);
        self.act(vec![act])
    }

    /// Whether the broker takes no message as large as a task of these records, which then is a single one.
    fn is_too_large(&self, batch: &Batch) -> bool {
        // Each record has a length and maybe a number, of five bytes at most if they are near one another.
        batch.data().len() + 10 * batch.len() + HEADER > self.transport.most_bytes()
    }

    /// Does on this machine what can't be sent to another one.
    fn run_here(&self, task: InFlightTask) {
        match self.link.home() {
            Some(executor) => self.errands.run_here(executor, task),
            None => task.segment.fail(Error::Closed),
        }
    }

    /// Publishes an attempt of a task.
    pub(super) fn publish(&self, task: u64, attempt: u32) {
        let Some(InFlightTask { index, work, .. }) = self.tasks.get(&task) else { return };
        let (epoch, segment, batch) = (self.epoch, *index, work.batch.clone());
        self.errands.publish(Task { epoch, task, attempt, segment, batch });
    }
}
