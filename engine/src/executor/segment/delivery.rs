//! The gather's side of a segment: results leave it, and faults are handled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::contents::Next;
use super::failures::{RecordFailure, StageFailures, in_order};
use super::handle::Segment;
use super::receipt::Receipt;
use crate::Error;
use crate::fault::Fault;

impl Segment {
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
                    // Threads stop while too many results wait.
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
                        self.context.report_fault(fault, None);
                    }
                    self.fail(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// Completes a place whose outputs were passed on: handles its faults as their stages' policies decide, and
    /// returns its permits.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn delivered(
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
            self.context.handle_fault(stage.policy(), fault, copy, attempts)?;
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
}
