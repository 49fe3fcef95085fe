//! What a host makes of results: they are checked, finished, refused or cut.

use std::time::Duration;

use bytes::Bytes;

use super::dispatcher::{Dispatcher, Ended};
use super::in_flight_task::{CompleteResult, InFlightTask, Refusal};
use super::link::{Acknowledgements, Unacknowledged};

use crate::cluster::protocol::wire::Outcome;
use crate::executor::{Receipt as Finished, Terms};
use crate::record::Batch;

impl Dispatcher {
    /// A result is whole: it is believed if it can be what came of its task.
    pub(super) fn done(&mut self, result: CompleteResult) -> Ended {
        let CompleteResult { task, nonce, parts, receipts, held } = result;
        let acknowledgements = Acknowledgements { receipts, bytes: held };
        // Whatever becomes of the result, its messages are acknowledged after that.
        let unacknowledged = Unacknowledged { link: self.link.clone(), acknowledgements };
        let Some(known) = self.tasks.get(&task) else { return Ok(()) };
        match checked(&parts, &known.work.batch, &self.segments.get(known.index as usize).terms) {
            Ok(outcome) => {
                let acts = self.in_flight.forget(task);
                if let Some(known) = self.tasks.remove(&task) {
                    self.finish(known, outcome, unacknowledged);
                }
                self.act(acts)
            }
            // Another worker may do better.
            Err(refusal) => {
                self.refuse(task, refusal);
                let look = self.in_flight.refuse(task, nonce, self.now());
                self.act(look.into_iter().collect())
            }
        }
    }

    /// A result is larger than it may be: a smaller task may have a smaller one.
    pub(super) fn cut(&mut self, task: u64) -> Ended {
        let Some(known) = self.tasks.get(&task) else { return Ok(()) };
        let records = known.work.batch.len();
        if records == 1 {
            let reason = "a record's outputs are larger than they may be".to_owned();
            self.refuse(task, Refusal { worker: "unknown".into(), reason });
            return Ok(());
        }
        let acts = self.in_flight.forget(task);
        if let Some(InFlightTask { segment, work, .. }) = self.tasks.remove(&task) {
            segment.put_back(work, &[(records / 2, false), (records - records / 2, false)]);
            if segment.mark_listed() {
                let _ = self.link.enlist(segment);
            }
        }
        self.act(acts)
    }

    fn refuse(&mut self, task: u64, refusal: Refusal) {
        let Some(known) = self.tasks.get_mut(&task) else { return };
        self.notices.refused(&refusal.worker, known.work.batch.number(0), &refusal.reason);
        known.refusal = Some(refusal);
    }

    fn finish(&mut self, task: InFlightTask, outcome: Outcome, unacknowledged: Unacknowledged) {
        let InFlightTask { segment, index, work, .. } = task;
        let Outcome { worker, nanos, whole, used, printed } = outcome;
        for (stage, line) in &printed {
            if let Some(core) = segment.stages.get(*stage) {
                core.opening.messages.show(line.as_bytes());
            }
        }
        let since = self.membership.used(&worker, index, used, segment.stages.len());
        for (stage, (core, used)) in segment.stages.iter().zip(since).enumerate() {
            let failed = whole.failed.iter().any(|failed| failed.stage == stage);
            core.note_elsewhere(&used, failed);
        }
        if let Some(stage) = segment.stages.first() {
            let (fast, slow) = self.membership.task_time();
            stage.batch_size.learn_between(work.batch.len(), Duration::from_nanos(nanos), fast, slow);
        }
        segment.complete(work, whole, Finished::new(unacknowledged));
    }
}

/// What came of a task, if it can be that.
fn checked(parts: &[Bytes], batch: &Batch, terms: &[Terms]) -> Result<Outcome, Refusal> {
    let outcome = match parts {
        [one] => Outcome::decode(one),
        parts => Outcome::decode(&parts.concat()),
    };
    let refusal = |worker, reason: String| Refusal { worker, reason };
    let outcome = outcome.map_err(|error| refusal("unknown".into(), error.to_string()))?;
    match outcome.whole.check(batch, terms) {
        Ok(()) => Ok(outcome),
        Err(reason) => Err(refusal(outcome.worker, reason.to_owned())),
    }
}
