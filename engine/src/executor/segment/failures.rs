//! Records that functions failed for, between the call and the gather, which settles them in turn.

use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::plugin::Failure;
use crate::record::{Batch, BatchBuilder};

/// What a stage failed for in one call: together, since there may be thousands.
pub(crate) struct Letters {
    stage: usize,
    /// The records as they are to be put aside, each once though several pieces of it failed; empty ones if
    /// nobody wants them.
    records: Batch,
    /// By ascending records, whose places among `records` are their indices.
    failures: Vec<Failure>,
}

/// One of them.
pub(crate) struct Letter {
    pub(crate) stage: usize,
    /// Alone, with the source's number.
    pub(crate) record: Batch,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
}

/// A record that a stage failed for, by its number alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) stage: usize,
    pub(crate) record: u64,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
}

impl Letters {
    /// Of a call with `batch`. The records themselves are copied only if they are to be kept.
    pub(crate) fn new(stage: usize, batch: &Batch, mut failures: Vec<Failure>, keep: bool) -> Self {
        let mut records = BatchBuilder::default();
        let mut last = None;
        for failure in &mut failures {
            let number = batch.number(failure.index);
            if last.replace(number) != Some(number) {
                let record = if keep { batch.origin(failure.index) } else { &[] };
                records.push(number, |data| data.extend_from_slice(record));
            }
            failure.index = records.len() - 1;
        }
        Self { stage, records: records.build(), failures }
    }

    /// What failed, without the records: for each its number.
    pub(crate) fn without_records(self) -> impl Iterator<Item = Failed> {
        let Self { stage, records, failures } = self;
        failures.into_iter().map(move |Failure { index, cause, attempts, .. }| Failed {
            stage,
            record: records.number(index),
            cause,
            attempts,
        })
    }

    /// About the bytes that they hold.
    pub(crate) fn size(&self) -> usize {
        let failures = self.failures.iter().map(|failure| size_of::<Failure>() + failure.cause.text_len());
        self.records.data().len() + failures.sum::<usize>()
    }

    /// Leaves those of the first `n` records, and returns the others.
    fn split_off(&mut self, n: usize) -> Self {
        let records = self.records.split_off(n);
        let failures = self.failures.split_off(self.failures.partition_point(|failure| failure.index < n));
        let moved = failures.into_iter().map(|failure| Failure { index: failure.index - n, ..failure });
        Self { stage: self.stage, records, failures: moved.collect() }
    }

    fn into_letters(self) -> impl Iterator<Item = Letter> {
        let Self { stage, records, failures } = self;
        failures.into_iter().map(move |Failure { index, cause, attempts, .. }| Letter {
            stage,
            record: records.alone(index),
            cause,
            attempts,
        })
    }
}

/// Leaves those of records before the source's number `first`, and returns the others.
pub(crate) fn split_off(letters: &mut Vec<Letters>, first: u64) -> Vec<Letters> {
    let behind = letters.iter_mut().map(|letters| {
        let before = (0..letters.records.len()).take_while(|index| letters.records.number(*index) < first);
        letters.split_off(before.count())
    });
    let behind = behind.filter(|behind| !behind.failures.is_empty()).collect();
    letters.retain(|letters| !letters.failures.is_empty());
    behind
}

/// All of them by the records' numbers.
pub(crate) fn in_order(letters: Vec<Letters>) -> Vec<Letter> {
    let mut letters: Vec<_> = letters.into_iter().flat_map(Letters::into_letters).collect();
    letters.sort_by_key(|letter| letter.record.number(0));
    letters
}
