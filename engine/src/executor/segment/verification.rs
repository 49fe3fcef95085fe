//! Checks results of a segment that come from elsewhere, as outcomes of guests are checked.

use std::ops::Range;

use super::failures::NumberedFailure;
use super::result::{Ending, SegmentResult};
use crate::function::Kind;
use crate::plugin::FunctionCore;
use crate::record::Batch;
use crate::text;

/// How many bytes the result of a task has at most, unless a single record may give more.
const MOST_RESULT: usize = 64 << 20;

/// What is not outputs in a result of a record that gives as much as it may.
const BESIDE: usize = 1 << 20;

/// What a stage may do with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) kind: Kind,
    /// The most bytes that its outputs for a record have, each with one more.
    pub(crate) output: usize,
    /// The first fault of a record after this one ends the run.
    pub(crate) stops_behind: Option<u64>,
    /// How often a record is tried again.
    pub(crate) retries: u32,
}

impl Terms {
    pub(crate) fn of(core: &FunctionCore) -> Self {
        let policy = core.policy();
        Self {
            kind: core.kind(),
            output: core.limits().output,
            stops_behind: policy.stops_behind(),
            retries: policy.most_retries(),
        }
    }

    /// Whether a fault of a record ends the run.
    fn stops_at(&self, record: u64) -> bool {
        self.stops_behind.is_some_and(|behind| record > behind)
    }
}

/// How many bytes a result may have. An empty output takes three: its length, its number and the byte after it.
pub(crate) fn most_bytes(stages: &[Terms]) -> usize {
    let largest = stages.iter().map(|stage| stage.output).max().unwrap_or(0);
    largest.saturating_mul(3).saturating_add(BESIDE).max(MOST_RESULT)
}

impl SegmentResult {
    /// Checks whether these stages could have made this result of a batch, and names what is impossible.
    pub(crate) fn check(&self, batch: &Batch, stages: &[Terms]) -> Result<(), &'static str> {
        self.failed.iter().try_for_each(|failed| check_fault(failed, stages))?;
        let end = self.ending.as_ref().map(|ending| check_ending(ending, batch, stages)).transpose()?;
        let (mut output, mut fault, mut begin) = (0..0, 0..0, 0);
        while begin < batch.len() {
            let number = batch.number(begin);
            let inputs = begin..stretch(begin, batch.len(), |index| batch.number(index) == number);
            output = output.end..stretch(output.end, self.output.len(), |index| {
                self.output.number(index) == number
            });
            fault =
                fault.end..stretch(fault.end, self.failed.len(), |index| self.failed[index].record == number);
            begin = inputs.end;
            let group = Group { whole: self, batch, inputs, outputs: output.clone(), faults: fault.len() };
            group.check(stages, end.is_some_and(|end| end == number))?;
            if end.is_some_and(|end| number > end) && !(output.is_empty() && fault.is_empty()) {
                return Err("it continued after the fault that ends the run");
            }
        }
        require(
            output.end == self.output.len(),
            "an output comes from no record of the task, or out of order",
        )?;
        require(fault.end == self.failed.len(), "a fault is of no record of the task, or out of order")
    }
}

/// The end of a stretch of what is alike.
fn stretch(begin: usize, end: usize, is_in: impl Fn(usize) -> bool) -> usize {
    (begin..end).find(|index| !is_in(*index)).unwrap_or(end)
}

fn check_fault(failed: &NumberedFailure, stages: &[Terms]) -> Result<(), &'static str> {
    let stage = stages.get(failed.stage).ok_or("a fault is of no function of the task")?;
    let attempts = 1..=stage.retries.saturating_add(1);
    require(attempts.contains(&failed.attempts), "a record was tried more often than it may be")?;
    require(!stage.stops_at(failed.record), "a fault that ends the run is one of several")?;
    require(failed.cause.text_len() <= text::MOST_SHORT, "a fault's text is longer than it may be")
}

/// The record that ends the run.
fn check_ending(ending: &Ending, batch: &Batch, stages: &[Terms]) -> Result<u64, &'static str> {
    let stage = stages.get(ending.stage).ok_or("the last fault is of no function of the task")?;
    require(batch.find(ending.record).is_some(), "the last fault is of no record of the task")?;
    require(stage.stops_at(ending.record), "a fault ends the run that does not")?;
    require(ending.cause.text_len() <= text::MOST_SHORT, "a fault's text is longer than it may be")?;
    Ok(ending.record)
}

/// The records of a batch that have one number, and what came of them.
struct Group<'a> {
    whole: &'a SegmentResult,
    batch: &'a Batch,
    inputs: Range<usize>,
    outputs: Range<usize>,
    faults: usize,
}

impl Group<'_> {
    fn check(&self, stages: &[Terms], ends: bool) -> Result<(), &'static str> {
        let is_single = stages.iter().all(|stage| stage.kind.gives_one_at_most());
        if is_single {
            let all = self.outputs.len() + self.faults + usize::from(ends);
            require(all <= self.inputs.len(), "a record has more outputs and faults than it may have")?;
        }
        match stages.iter().rposition(|stage| stage.kind != Kind::Filter) {
            None => self.check_kept(),
            Some(last) => self.check_sizes(&stages[..=last]),
        }
    }

    /// Filters give what they were given.
    fn check_kept(&self) -> Result<(), &'static str> {
        let mut inputs = self.inputs.clone().map(|index| self.batch.record(index));
        let mut outputs = self.outputs.clone().map(|index| self.whole.output.record(index));
        let kept = outputs.all(|output| inputs.any(|input| input == output));
        require(kept, "a filter returned what it was not given")
    }

    /// `stages` end with the one that made the outputs.
    fn check_sizes(&self, stages: &[Terms]) -> Result<(), &'static str> {
        let Some((last, before)) = stages.split_last() else { return Ok(()) };
        let sizes = self.outputs.clone().map(|index| self.whole.output.record(index).len() + 1);
        let each = sizes.clone().all(|size| size <= last.output);
        // Of pieces of pieces it is not known which of them are of one.
        let is_known = before.iter().all(|stage| stage.kind.gives_one_at_most());
        let together = !is_known || sizes.sum::<usize>() <= last.output.saturating_mul(self.inputs.len());
        require(each && together, "a record's outputs are larger than they may be")
    }
}

fn require(holds: bool, rule: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(rule) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;
    use crate::record::BatchBuilder;

    fn batch(records: &[(u64, &str)]) -> Batch {
        let mut builder = BatchBuilder::default();
        records.iter().for_each(|(number, record)| {
            builder.push(*number, |data| data.extend_from_slice(record.as_bytes()));
        });
        builder.build()
    }

    fn terms(kind: Kind) -> Terms {
        Terms { kind, output: 8, stops_behind: None, retries: 1 }
    }

    fn failed(record: u64) -> NumberedFailure {
        let cause = Cause::Failed { message: "no".into(), retryable: false };
        NumberedFailure { stage: 0, record, cause, attempts: 1 }
    }

    fn whole(output: &[(u64, &str)], faults: &[u64]) -> SegmentResult {
        let failed = faults.iter().map(|record| failed(*record)).collect();
        SegmentResult { output: batch(output), failed, ending: None }
    }

    fn said(whole: &SegmentResult, stages: &[Terms]) -> Result<(), &'static str> {
        // The record 3 was two before.
        whole.check(&batch(&[(1, "a"), (3, "b"), (3, "c"), (4, "d")]), stages)
    }

    #[test]
    fn plausible_results_are_accepted() {
        let [map, filter, flat_map] = [Kind::Map, Kind::Filter, Kind::FlatMap].map(terms);
        said(&whole(&[(1, "x"), (3, "y"), (3, "z"), (4, "w")], &[]), &[map]).unwrap();
        said(&whole(&[(3, "y")], &[1, 3, 4]), &[map, filter]).unwrap();
        said(&whole(&[(3, "c"), (4, "d")], &[1]), &[filter, filter]).unwrap();
        said(&whole(&[(1, "x"), (1, "y"), (1, "z")], &[1, 1, 3]), &[flat_map, map]).unwrap();
        said(&whole(&[], &[]), &[map]).unwrap();
    }

    #[test]
    fn impossible_results_are_named_and_refused() {
        let [map, filter, flat_map] = [Kind::Map, Kind::Filter, Kind::FlatMap].map(terms);
        let lies = [
            (whole(&[(1, "x"), (1, "y")], &[]), map),
            (whole(&[(3, "b"), (3, "c"), (3, "c")], &[]), filter),
            (whole(&[(3, "c"), (3, "b")], &[]), filter),
            (whole(&[(1, "x")], &[]), filter),
            (whole(&[(1, "x")], &[1]), map),
            (whole(&[], &[1, 1, 1]), map),
            (whole(&[], &[4, 1]), flat_map),
            (whole(&[], &[2]), flat_map),
            (whole(&[(2, "x")], &[]), map),
            (whole(&[(4, "x"), (1, "y")], &[]), map),
            (whole(&[(5, "x")], &[]), flat_map),
            (whole(&[(1, "12345678")], &[]), map),
            (whole(&[(1, "1234"), (1, "1234")], &[]), flat_map),
            (whole(&[(3, "12345678")], &[]), flat_map),
        ];
        for (lie, stage) in lies {
            assert!(said(&lie, &[stage]).is_err(), "{lie:?} by {stage:?}");
        }
    }

    #[test]
    fn faults_must_fit_the_task_and_its_policy() {
        let map = terms(Kind::Map);
        let stops = Terms { stops_behind: Some(1), ..map };
        let ending = |stage, record| {
            let NumberedFailure { cause, .. } = failed(record);
            SegmentResult { ending: Some(Ending { stage, record, cause }), ..whole(&[(1, "x")], &[]) }
        };
        said(&ending(0, 3), &[stops]).unwrap();
        said(&whole(&[], &[1]), &[stops]).unwrap();
        for (lie, stage) in [
            (ending(0, 3), map),
            (ending(1, 3), stops),
            (ending(0, 1), stops),
            (ending(0, 2), stops),
            (whole(&[], &[3]), stops),
            (SegmentResult { output: batch(&[(4, "x")]), ..ending(0, 3) }, stops),
            (
                SegmentResult {
                    failed: vec![NumberedFailure { attempts: 3, ..failed(1) }],
                    ..whole(&[], &[])
                },
                map,
            ),
            (
                SegmentResult {
                    failed: vec![NumberedFailure { attempts: 0, ..failed(1) }],
                    ..whole(&[], &[])
                },
                map,
            ),
            (
                SegmentResult { failed: vec![NumberedFailure { stage: 1, ..failed(1) }], ..whole(&[], &[]) },
                map,
            ),
        ] {
            assert!(said(&lie, &[stage]).is_err(), "{lie:?} by {stage:?}");
        }
        let cause = Cause::Panicked { message: "x".repeat(2000).into() };
        let long = SegmentResult { failed: vec![NumberedFailure { cause, ..failed(1) }], ..whole(&[], &[]) };
        assert!(said(&long, &[map]).is_err());
    }
}
