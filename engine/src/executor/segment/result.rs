//! The result of a segment: what all of its stages made of a batch, here or on a worker of a cluster.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::contents::{Due, Next, Work};
use super::executor::Executor;
use super::failures::{NumberedFailure, StageFailures};
use super::handle::{Buffer, Segment};
use super::receipt::Receipt;
use crate::fault::Fault;
use crate::plugin::{Failure, FunctionCore};
use crate::progress::GraphContext;
use crate::record::{Batch, BatchBuilder};
use crate::{Cause, Error};

/// What all stages of a segment made of a batch.
#[derive(Clone, Debug)]
pub(crate) struct SegmentResult {
    /// What came out at the last stage, with the numbers of the records that it comes from.
    pub(crate) output: Batch,
    /// The records that stages failed for, by their numbers, where that does not end the run.
    pub(crate) failed: Vec<NumberedFailure>,
    /// The record whose fault ends the run: no record after it is processed.
    pub(crate) ending: Option<Ending>,
}

/// A record whose fault ends a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) stage: usize,
    pub(crate) record: u64,
    pub(crate) cause: Cause,
}

/// Takes a batch through stages on a pool, as a segment of its own would. `advance` is called whenever more of its
/// records are done.
///
/// # Errors
///
/// If the stages can't be run at all.
pub(crate) async fn run_segment(
    executor: &Arc<dyn Executor>,
    stages: &[Arc<FunctionCore>],
    batch: Batch,
    advance: impl Fn(),
) -> Result<SegmentResult, Error> {
    let segment = Segment::new(
        executor.clone(),
        stages.to_vec(),
        Buffer::Exactly(batch.len()),
        true,
        Arc::new(GraphContext::default()),
    );
    let _end = EndOfSegment(&segment);
    segment.push(batch).await?;
    segment.close();
    let mut outputs = Vec::new();
    let mut failed = Vec::new();
    let ending = loop {
        match segment.next(true).await {
            Ok(Next::Due(Due { output, failures, permits, .. })) => {
                failed.extend(failures.into_iter().flat_map(StageFailures::without_records));
                outputs.push(output);
                segment.release(permits);
                advance();
            }
            Ok(Next::Pause) => {}
            Ok(Next::End) => break None,
            Err(Error::Fault(Fault { record, function, cause, .. })) => {
                let stage = stages
                    .iter()
                    .position(|stage| function == *stage.name() && stage.policy().stops_at(record));
                let stage = stage.unwrap_or(0);
                break Some(Ending { stage, record, cause });
            }
            Err(error) => return Err(error),
        }
    };
    failed.sort_by_key(|failed| failed.record);
    Ok(SegmentResult { output: joined(outputs), failed, ending })
}

/// Ends the segment when the caller gives up midway.
struct EndOfSegment<'a>(&'a Arc<Segment>);

impl Drop for EndOfSegment<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn joined(mut outputs: Vec<Batch>) -> Batch {
    outputs.retain(|output| !output.is_empty());
    match outputs.len() {
        0 => Batch::empty(),
        1 => outputs.remove(0),
        _ => {
            let mut joined = BatchBuilder::default();
            for output in outputs {
                joined.append(&output, 0..output.len());
            }
            joined.build()
        }
    }
}

impl SegmentResult {
    /// The failures of `work`, as its segment keeps them.
    pub(super) fn failures(
        failed: &[NumberedFailure],
        stages: &[Arc<FunctionCore>],
        work: &Work,
    ) -> Vec<StageFailures> {
        let of_stage = |group: &[NumberedFailure]| {
            let stage = group[0].stage;
            let failures = group.iter().filter_map(|failed| {
                let index = work.batch.find(failed.record)?;
                let (cause, attempts) = (failed.cause.clone(), failed.attempts);
                Some(Failure { index, cause, outputs_before: 0, attempts })
            });
            let keep = stages[stage].policy().keeps_records();
            StageFailures::new(stage, &work.batch, failures.collect(), keep)
        };
        failed.chunk_by(|a, b| a.stage == b.stage).map(of_stage).collect()
    }
}

impl Segment {
    /// Takes the result of a work that went through all stages elsewhere. `receipt` is dropped when all of it has left.
    pub(crate) fn complete(self: &Arc<Self>, mut work: Work, whole: SegmentResult, receipt: Receipt) {
        let SegmentResult { mut output, failed, ending } = whole;
        for failures in SegmentResult::failures(&failed, &self.stages, &work) {
            self.put_aside(work.slot, failures);
        }
        if let Some(Ending { stage, record, cause }) = ending {
            self.fault(work.slot, self.stages[stage].fault(record, cause));
        }
        output.keep_origin_of(&work.batch);
        self.state().expect_receipt(work.slot, receipt);
        self.advance(&mut work, output);
        self.finish(work);
    }

    /// Whether the segment has ended, so results are not wanted any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state().failed.is_some()
    }

    /// The number of the last record that has left, with all before it if it is ordered.
    pub(crate) fn done_to(&self) -> u64 {
        self.done_to.load(Ordering::Relaxed)
    }
}
