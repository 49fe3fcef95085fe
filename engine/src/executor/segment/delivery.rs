//! The gather's side of a segment: results leave it, and faults are handled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::contents::Next;
use super::handle::Segment;
use super::receipt::Receipt;
use crate::Error;

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
                        self.context.report_fault(fault, None, None);
                    }
                    self.fail(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// Completes a place whose outputs were passed on and whose faults were handled: returns its permits.
    pub(crate) fn delivered(&self, permits: usize, last: u64, receipt: Option<Receipt>) {
        self.release(permits);
        self.done_to.fetch_max(last, Ordering::Relaxed);
        let done = if self.ordered { Some(last) } else { self.all() };
        if let Some(done) = done {
            self.context.reach(self.tracked, done);
        }
        drop(receipt);
    }

    /// The number of the last record that came in, if nothing is left.
    fn all(&self) -> Option<u64> {
        let state = self.state();
        state.is_empty().then(|| self.context.taken(self.tracked))
    }
}
