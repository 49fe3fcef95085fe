//! Outputs of a place and its failures, in the order of their records.
//!
//! A dead letter is in its file before a later output goes on. So whatever the nodes after the gather do with outputs,
//! the letters of all records before one that is out are there.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use super::failures::{RecordFailure, StageFailures, in_order};
use super::handle::Segment;
use crate::Error;
use crate::record::Batch;

/// Outputs and failures that are still to be passed on and handled.
pub(crate) struct Settling {
    output: Batch,
    failures: Peekable<IntoIter<RecordFailure>>,
    /// Failures are handled between the outputs; else after all of them.
    between: bool,
}

impl Settling {
    /// The outputs before the next failure, which may be none.
    pub(crate) fn next_outputs(&mut self) -> Batch {
        let next = self.failures.peek().filter(|_| self.between);
        // Of a record in several pieces, some may be outputs.
        let until = next.map(|failure| self.output.count_to(failure.record.number(0)));
        let rest = until.map_or_else(Batch::empty, |until| self.output.split_off(until));
        std::mem::replace(&mut self.output, rest)
    }

    /// Whether there is anything left.
    pub(crate) fn is_over(&mut self) -> bool {
        self.output.is_empty() && self.failures.peek().is_none()
    }
}

impl Segment {
    /// Puts what is due of a place in order.
    pub(crate) fn settling(&self, output: Batch, failures: Vec<StageFailures>) -> Settling {
        let between = !failures.is_empty() && self.stages.iter().any(|stage| stage.policy().needs_order());
        Settling { output, failures: in_order(failures).into_iter().peekable(), between }
    }

    /// Handles the failures before the next output as their stages' policies decide.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn settle(&self, settling: &mut Settling) -> Result<(), Error> {
        let until = if settling.output.is_empty() { u64::MAX } else { settling.output.number(0) };
        // Of a record in many pieces there is one copy.
        let mut copied: Option<(u64, Arc<[u8]>)> = None;
        let (mut handled, mut ended) = (false, Ok(()));
        while let Some(failure) = settling.failures.next_if(|failure| failure.record.number(0) < until) {
            let RecordFailure { stage, record, cause, attempts } = failure;
            let (stage, number) = (&self.stages[stage], record.number(0));
            let copy = || match &copied {
                Some((known, copy)) if *known == number => copy.clone(),
                _ => copied.insert((number, record.record(0).into())).1.clone(),
            };
            handled = true;
            ended =
                self.context.handle_next_fault(stage.policy(), stage.fault(number, cause), copy, attempts);
            if ended.is_err() {
                break;
            }
        }
        if handled {
            self.stages.iter().try_for_each(|stage| stage.policy().flush())?;
        }
        ended
    }
}
