//! What a guest returned, checked before it is believed.

use std::collections::HashSet;

use crate::Cause;
use crate::function::Kind;
use crate::plugin::contract::exports::engine::plugin::stages as wit;
use crate::record::Batch;
use crate::text::PlainText;

/// What became of the first records of a batch.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The outputs, with the numbers of the records they come from.
    pub(crate) output: Batch,
    /// How many of the records are done; the rest are to be given again.
    pub(crate) consumed: usize,
    /// The records that failed, by their place in the batch.
    pub(crate) failures: Vec<Failure>,
}

/// A record for which the function returned an error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) index: usize,
    pub(crate) cause: Cause,
    /// How many outputs the records before it gave.
    pub(crate) outputs_before: usize,
    /// How often the record was given.
    pub(crate) attempts: u32,
}

impl Failure {
    /// Of a record that was given alone.
    pub(crate) fn alone(cause: Cause, attempts: u32) -> Self {
        Self { index: 0, cause, outputs_before: 0, attempts }
    }
}

impl Outcome {
    /// Believes what the guest says about `input` if no rule of the contract is broken; else names the rule.
    pub(crate) fn check(kind: Kind, input: &Batch, said: wit::Outcome) -> Result<Self, &'static str> {
        let consumed = said.consumed as usize;
        require(consumed <= input.len(), "it consumed more records than it was given")?;
        require(consumed > 0 || input.is_empty(), "it consumed no record")?;
        check_batch(&said.output)?;
        check_failures(&said.failures, consumed)?;
        if kind == Kind::Accumulate {
            check_passed(&said.failures, consumed)?;
        }
        if kind == Kind::Sink {
            check_stopped(&said.failures, consumed)?;
        }
        if matches!(kind, Kind::Filter | Kind::Sink) {
            require(said.output.ends.is_empty(), "a filter or sink returned outputs")?;
        }
        let counts = said.counts.as_deref();
        let mut done = input.clone();
        done.truncate(consumed);
        let mut output = match (kind, counts) {
            (Kind::Sink, None) => Batch::new(Vec::new(), Vec::new(), input.numbers_by([].into_iter())),
            (Kind::Sink, Some(_)) => return Err("a sink counted outputs"),
            (Kind::Filter, Some(counts)) => kept(done, counts, &said.failures)?,
            (Kind::Filter, None) => kept(done, &one_each(consumed, &said.failures), &said.failures)?,
            (_, Some(counts)) => counted(kind, &done, said.output, counts, &said.failures)?,
            (_, None) => one_to_one(&done, said.output, &said.failures)?,
        };
        output.keep_origin_of(input);
        Ok(Self { output, consumed, failures: located(kind, said.failures, counts) })
    }
}

/// A filter's outcome for this number of records, with what it keeps dropped and the other way round. An
/// outcome that breaks a rule still does.
pub(in crate::plugin) fn opposite(mut said: wit::Outcome, records: usize) -> wit::Outcome {
    let failed: HashSet<_> = said.failures.iter().map(|failure| failure.index as usize).collect();
    let consumed = records.min(said.consumed as usize);
    let mut counts = said.counts.unwrap_or_else(|| vec![1; consumed]);
    for (index, count) in counts.iter_mut().enumerate() {
        *count = match *count {
            // One that failed has no other side.
            _ if failed.contains(&index) => 0,
            0 => 1,
            1 => 0,
            more => more,
        };
    }
    said.counts = Some(counts);
    said
}

/// The failures, each with where it stands among the outputs. Only right if the counts are.
fn located(kind: Kind, failures: Vec<wit::Failure>, counts: Option<&[u32]>) -> Vec<Failure> {
    let (mut from, mut outputs) = (0, 0_usize);
    let mut located = Vec::with_capacity(failures.len());
    for (earlier, failure) in failures.into_iter().enumerate() {
        let index = failure.index as usize;
        outputs = match counts.and_then(|counts| counts.get(from..index)) {
            Some(between) => between.iter().fold(outputs, |sum, count| sum.saturating_add(*count as usize)),
            None if kind == Kind::Sink => 0,
            None => index - earlier,
        };
        from = index;
        let cause =
            Cause::Failed { message: PlainText::short(failure.message), retryable: failure.retryable };
        located.push(Failure { index, cause, outputs_before: outputs, attempts: 1 });
    }
    located
}

/// Checks the layout of a batch that a guest built.
pub(in crate::plugin) fn check_batch(batch: &wit::BatchResult) -> Result<(), &'static str> {
    require(batch.ends.is_sorted_by(|a, b| a < b), "the ends of its records do not ascend")?;
    let size = batch.ends.last().map_or(0, |end| u64::from(*end) + 1);
    require(size == batch.data.len() as u64, "the end of its last record is not the end of its data")
}

fn check_failures(failures: &[wit::Failure], consumed: usize) -> Result<(), &'static str> {
    require(failures.is_sorted_by(|a, b| a.index < b.index), "the indices of its failures do not ascend")?;
    let inside = failures.last().is_none_or(|last| (last.index as usize) < consumed);
    require(inside, "a failure's index is no record that it consumed")
}

/// A record that may be retried must be the last one, else records after it would overtake it.
fn check_passed(failures: &[wit::Failure], consumed: usize) -> Result<(), &'static str> {
    let mut passed = failures.iter().filter(|failure| failure.index as usize + 1 < consumed);
    require(passed.all(|failure| !failure.retryable), "it continued after a record that may be retried")
}

/// A sink stops at the first record that fails: those after it come again, and must not have been begun.
fn check_stopped(failures: &[wit::Failure], consumed: usize) -> Result<(), &'static str> {
    let stopped = failures.first().is_none_or(|first| first.index as usize + 1 == consumed);
    require(stopped, "a sink went on after a record that failed")
}

/// The counts that `none` stands for.
fn one_each(consumed: usize, failures: &[wit::Failure]) -> Vec<u32> {
    let mut counts = vec![1; consumed];
    for failure in failures {
        counts[failure.index as usize] = 0;
    }
    counts
}

fn check_counts(counts: &[u32], consumed: usize, failures: &[wit::Failure]) -> Result<(), &'static str> {
    require(counts.len() == consumed, "it did not count the outputs of each record")?;
    let silent = failures.iter().all(|failure| counts[failure.index as usize] == 0);
    require(silent, "a record that failed gave outputs")
}

fn kept(done: Batch, counts: &[u32], failures: &[wit::Failure]) -> Result<Batch, &'static str> {
    check_counts(counts, done.len(), failures)?;
    require(counts.iter().all(|count| *count <= 1), "a filter kept a record more than once")?;
    if counts.iter().all(|count| *count == 1) {
        return Ok(done);
    }
    Ok(done.select(counts))
}

fn counted(
    kind: Kind,
    done: &Batch,
    output: wit::BatchResult,
    counts: &[u32],
    failures: &[wit::Failure],
) -> Result<Batch, &'static str> {
    check_counts(counts, done.len(), failures)?;
    let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    require(sum == output.ends.len() as u64, "its counts do not add up to its outputs")?;
    let single = !kind.gives_one_at_most() || counts.iter().all(|count| *count <= 1);
    require(single, "a map gave several outputs for one record")?;
    Ok(Batch::new(output.data, output.ends, done.numbers_by(counts.iter().copied())))
}

fn one_to_one(
    done: &Batch,
    output: wit::BatchResult,
    failures: &[wit::Failure],
) -> Result<Batch, &'static str> {
    let expected = done.len() - failures.len();
    require(output.ends.len() == expected, "it did not give one output for each record")?;
    let numbers = match failures {
        [] => done.numbers(),
        _ => done.numbers_by(one_each(done.len(), failures).into_iter()),
    };
    Ok(Batch::new(output.data, output.ends, numbers))
}

fn require(holds: bool, rule: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(rule) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    fn input() -> Batch {
        let mut builder = BatchBuilder::default();
        (1..=3).for_each(|number| builder.push(number, |data| data.push(b'x')));
        builder.build()
    }

    fn said(output: &[&str], counts: Option<&[u32]>, failed: &[u32], consumed: u32) -> wit::Outcome {
        let (mut data, mut ends) = (Vec::new(), Vec::new());
        for record in output {
            data.extend_from_slice(record.as_bytes());
            ends.push(u32::try_from(data.len()).unwrap());
            data.push(0);
        }
        let failure = |index: &u32| wit::Failure { index: *index, message: "no".into(), retryable: false };
        wit::Outcome {
            output: wit::BatchResult { data, ends },
            counts: counts.map(<[u32]>::to_vec),
            failures: failed.iter().map(failure).collect(),
            consumed,
        }
    }

    fn outputs(kind: Kind, said: wit::Outcome) -> Result<Vec<(u64, String)>, &'static str> {
        let outcome = Outcome::check(kind, &input(), said)?;
        Ok(outcome.output.iter().map(|(n, bytes)| (n, String::from_utf8(bytes.to_vec()).unwrap())).collect())
    }

    fn numbered(pairs: &[(u64, &str)]) -> Result<Vec<(u64, String)>, &'static str> {
        Ok(pairs.iter().map(|(number, text)| (*number, (*text).to_owned())).collect())
    }

    #[test]
    fn outputs_keep_the_numbers_of_their_inputs() {
        assert_eq!(
            outputs(Kind::Map, said(&["a", "b", "c"], None, &[], 3)),
            numbered(&[(1, "a"), (2, "b"), (3, "c")])
        );
        assert_eq!(outputs(Kind::Map, said(&["a", "c"], None, &[1], 3)), numbered(&[(1, "a"), (3, "c")]));
        assert_eq!(outputs(Kind::Map, said(&["b"], Some(&[0, 1]), &[], 2)), numbered(&[(2, "b")]));
        let exploded = said(&["a", "b", "c"], Some(&[2, 0, 1]), &[], 3);
        assert_eq!(outputs(Kind::FlatMap, exploded), numbered(&[(1, "a"), (1, "b"), (3, "c")]));
        assert_eq!(
            outputs(Kind::Filter, said(&[], Some(&[0, 1, 1]), &[], 3)),
            numbered(&[(2, "x"), (3, "x")])
        );
        assert_eq!(outputs(Kind::Filter, said(&[], None, &[0], 3)), numbered(&[(2, "x"), (3, "x")]));
        assert_eq!(outputs(Kind::Sink, said(&[], None, &[2], 3)), numbered(&[]));
    }

    #[test]
    fn a_failure_keeps_its_position_among_the_outputs() {
        let before = |kind, said| {
            let outcome = Outcome::check(kind, &input(), said).unwrap();
            outcome.failures.iter().map(|failure| failure.outputs_before).collect::<Vec<_>>()
        };
        assert_eq!(before(Kind::Map, said(&["a"], None, &[1, 2], 3)), [1, 1]);
        assert_eq!(before(Kind::FlatMap, said(&["a", "b", "c"], Some(&[2, 0, 1]), &[1], 3)), [2]);
        assert_eq!(before(Kind::Filter, said(&[], Some(&[0, 1, 0]), &[0, 2], 3)), [0, 1]);
    }

    #[test]
    fn each_contract_violation_is_named() {
        let mut retryable = said(&["b", "c"], None, &[0], 3);
        retryable.failures[0].retryable = true;
        let lies = [
            (Kind::Map, said(&["a"], None, &[], 3)),
            (Kind::Map, said(&["a", "b", "c"], None, &[], 4)),
            (Kind::Map, said(&[], None, &[], 0)),
            (Kind::Map, said(&["a", "b"], Some(&[2, 0, 0]), &[], 3)),
            (Kind::Map, said(&["a", "b", "c"], None, &[3], 3)),
            (Kind::Map, said(&["a"], None, &[1, 1], 3)),
            (Kind::FlatMap, said(&["a"], Some(&[1, 0]), &[], 3)),
            (Kind::FlatMap, said(&["a"], Some(&[u32::MAX, 2, 0]), &[], 3)),
            (Kind::FlatMap, said(&["a"], Some(&[1, 0, 0]), &[0], 3)),
            (Kind::Filter, said(&["a"], Some(&[1, 0, 0]), &[], 3)),
            (Kind::Filter, said(&[], Some(&[2, 0, 0]), &[], 3)),
            (Kind::Sink, said(&[], Some(&[0, 0, 0]), &[], 3)),
            (Kind::Accumulate, said(&[], Some(&[2, 0, 0]), &[], 3)),
            (Kind::Accumulate, retryable),
        ];
        for (kind, lie) in lies {
            let shown = format!("{kind}: {lie:?}");
            assert!(outputs(kind, lie).is_err(), "{shown}");
        }
    }

    #[test]
    fn record_ends_that_descend_or_overrun_are_named() {
        for ends in [vec![1, 1, 2], vec![2, 0, 5], vec![0, 2, 6], vec![0, 2, u32::MAX]] {
            let output = wit::BatchResult { data: vec![0; 6], ends };
            assert!(check_batch(&output).is_err(), "{:?}", output.ends);
        }
        assert!(check_batch(&wit::BatchResult { data: vec![0], ends: vec![] }).is_err());
    }
}
