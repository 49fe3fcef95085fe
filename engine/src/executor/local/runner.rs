//! What a thread of the pool does: takes up work, gives it to one stage after another, and finds the record
//! that is to blame when a call fails.

use std::sync::Arc;
use std::task::{Context, Waker};

use super::calls::CallError;
use super::retries::retry;
use super::scheduler::Runner;
use super::shared::PoolShared;
use crate::Error;
use crate::error::SystemError;
use crate::executor::segment::Segment;
use crate::executor::segment::StageFailures;
use crate::executor::segment::{Work, fitting};
use crate::fault::Cause;
use crate::plugin::{Failure, FunctionCore, Outcome, Trouble};

/// Works until there is nothing left to do, or there are more runners than threads.
pub(super) async fn run(pool: Arc<PoolShared>) {
    while let Some(segment) = pool.next_segment() {
        work_on(&pool, &segment).await;
    }
}

/// Does a piece of work on the caller's thread, and returns whether it did. It does not if a pool thread is awake, which
/// will soon take it. Work that has to wait continues on the pool.
pub(crate) fn run_here(pool: &Arc<PoolShared>, segment: &Arc<Segment>) -> bool {
    if !pool.begin_alone() {
        return false;
    }
    let (shared, its) = (pool.clone(), segment.clone());
    let mut piece = Box::pin(async move {
        work_on(&shared, &its).await;
        shared.leave();
    });
    // What it waits for gets its waker when the pool polls it.
    if piece.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        pool.go_on(piece);
    }
    true
}

/// Does the next piece of a segment's work, if there is one.
async fn work_on(pool: &Arc<PoolShared>, segment: &Arc<Segment>) {
    let Some((work, more)) = segment.take() else { return };
    if more {
        pool.enlist(segment);
    }
    let unwinding = Unwinding { pool, segment };
    process(pool, segment, work).await;
    std::mem::forget(unwinding);
}

/// Fails the segment of a runner that panicked, so that nothing waits for it. Dropped only then.
struct Unwinding<'a> {
    pool: &'a Arc<PoolShared>,
    segment: &'a Arc<Segment>,
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        self.segment.fail(Error::System(SystemError::Panicked));
        self.pool.runner_is_gone();
    }
}

/// Takes a piece of work through all stages that are left for it.
async fn process(pool: &Arc<PoolShared>, segment: &Arc<Segment>, mut work: Work) {
    while let Some(stage) = segment.stages.get(work.stage) {
        if work.batch.is_empty() {
            break;
        }
        let fitting = fitting(stage, &work.batch, work.alone);
        if segment.cut(&mut work, fitting) {
            pool.enlist(segment);
        }
        let called = match work.batch.len() {
            1 => pool.call_alone(stage, &work.batch, &Runner(pool)).await,
            _ => pool.call(stage, &work.batch, &Runner(pool)).await,
        };
        match called {
            Ok(outcome) => match retry(pool, stage, &work.batch, outcome, &Runner(pool)).await {
                Ok(outcome) => advance(pool, segment, stage, &mut work, outcome),
                Err(error) => return segment.fail(error),
            },
            Err(CallError::Open(error)) => return segment.fail(error),
            Err(CallError::Trouble(trouble)) if work.batch.len() == 1 => {
                fault(segment, stage, &work, vec![Failure::alone(trouble.cause, 1)]);
                work.batch.split_off(0);
            }
            Err(CallError::Trouble(trouble)) => {
                let parts = isolate(work.batch.len(), &trouble);
                segment.put_back(work, &parts);
                return pool.enlist(segment);
            }
        }
    }
    segment.finish(work);
}

/// Goes on to the next stage with what one returned.
fn advance(
    pool: &Arc<PoolShared>,
    segment: &Arc<Segment>,
    stage: &FunctionCore,
    work: &mut Work,
    outcome: Outcome,
) {
    if segment.cut(work, outcome.consumed) {
        pool.enlist(segment);
    }
    let mut output = outcome.output;
    // Where the first fault ends the run, what the others gave is not wanted.
    if let Some(first) = ending(stage, work, &outcome.failures) {
        output.split_off(first.outputs_before);
    }
    fault(segment, stage, work, outcome.failures);
    segment.advance(work, output);
}

/// The first failure that ends the run.
fn ending<'f>(stage: &FunctionCore, work: &Work, failures: &'f [Failure]) -> Option<&'f Failure> {
    failures.iter().find(|failure| stage.policy().stops_at(work.batch.number(failure.index)))
}

/// Notes the faults of a work's records.
fn fault(segment: &Segment, stage: &FunctionCore, work: &Work, failures: Vec<Failure>) {
    if let Some(first) = ending(stage, work, &failures) {
        let record = work.batch.number(first.index);
        return segment.fault(work.slot, stage.fault(record, first.cause.clone()));
    }
    if failures.is_empty() || stage.policy().stops() {
        return;
    }
    let keep = stage.policy().keeps_records();
    segment.put_aside(work.slot, StageFailures::new(work.stage, &work.batch, failures, keep));
}

/// How to cut a batch whose call failed so that the record to blame is soon alone: parts in order, with the number of
/// records of each, and whether they run one by one.
pub(crate) fn isolate(records: usize, trouble: &Trouble) -> Vec<(usize, bool)> {
    // Time may be lost anywhere, and waiting records can wait side by side.
    if matches!(trouble.cause, Cause::TimedOut { .. }) {
        return vec![(records, true)];
    }
    // A guest that panics names the record. A hint only: it is run alone before it is believed.
    if let Some(suspect) = trouble.suspect.filter(|suspect| *suspect < records) {
        let parts = [(suspect, false), (1, true), (records - suspect - 1, false)];
        return parts.into_iter().filter(|(records, _)| *records > 0).collect();
    }
    // As many as the guest said were done; otherwise half.
    let known = (1..records).contains(&trouble.done).then_some(trouble.done);
    let first = known.unwrap_or(records / 2);
    vec![(first, false), (records - first, false)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(cause: Cause, suspect: Option<usize>, done: usize) -> Vec<(usize, bool)> {
        let (memory, starved, fresh) = (false, false, false);
        let (used, size) = (std::time::Duration::ZERO, 0);
        let trouble = Trouble { cause, suspect, done, memory, starved, fresh, used, size };
        isolate(8, &trouble)
    }

    #[test]
    fn bisection_soon_isolates_the_failing_record() {
        let trap = || Cause::Trapped { trap: "unreachable code".into(), stderr: "".into() };
        assert_eq!(parts(trap(), Some(2), 0), [(2, false), (1, true), (5, false)]);
        assert_eq!(parts(trap(), Some(0), 0), [(1, true), (7, false)]);
        assert_eq!(parts(trap(), None, 0), [(4, false), (4, false)]);
        assert_eq!(parts(trap(), None, 6), [(6, false), (2, false)]);
        let slow = Cause::TimedOut { limit: std::time::Duration::ZERO };
        assert_eq!(parts(slow, None, 6), [(8, true)]);
    }

    #[test]
    fn a_wrong_hint_does_no_harm() {
        assert_eq!(parts(Cause::StackOverflow, Some(8), 99), [(4, false), (4, false)]);
    }
}
