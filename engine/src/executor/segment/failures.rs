//! Records that functions failed for, from the call until the gather handles them in order.

#[cfg(feature = "cluster")]
use serde::{Deserialize, Serialize};

use crate::Cause;
use crate::plugin::Failure;
use crate::record::{Batch, BatchBuilder};

/// The failures of a stage in one call, kept together because there may be thousands.
pub(crate) struct StageFailures {
    stage: usize,
    /// The records as dead letters get them, each once even if several pieces of it failed; empty ones if the
    /// policy keeps no records.
    records: Batch,
    /// By ascending records; an index is the record's position in `records`.
    failures: Vec<Failure>,
}

/// A record that a stage failed for.
pub(crate) struct RecordFailure {
    pub(crate) stage: usize,
    /// Alone in its batch, with the source's number.
    pub(crate) record: Batch,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
}

/// A record that a stage failed for, without its bytes: the host of a cluster has them.
#[cfg(feature = "cluster")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberedFailure {
    pub(crate) stage: usize,
    pub(crate) record: u64,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
}

impl StageFailures {
    /// The failures of a call with `batch`. Copies the records only if `keep` is set.
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

    /// The failures without their records.
    #[cfg(feature = "cluster")]
    pub(crate) fn without_records(self) -> impl Iterator<Item = NumberedFailure> {
        let Self { stage, records, failures } = self;
        failures.into_iter().map(move |Failure { index, cause, attempts, .. }| NumberedFailure {
            stage,
            record: records.number(index),
            cause,
            attempts,
        })
    }

    /// About the bytes that this holds.
    pub(crate) fn size(&self) -> usize {
        let failures = self.failures.iter().map(|failure| size_of::<Failure>() + failure.cause.text_len());
        self.records.data().len() + failures.sum::<usize>()
    }

    /// Leaves the failures of the first `n` records, and returns the others.
    fn split_off(&mut self, n: usize) -> Self {
        let records = self.records.split_off(n);
        let failures = self.failures.split_off(self.failures.partition_point(|failure| failure.index < n));
        let moved = failures.into_iter().map(|failure| Failure { index: failure.index - n, ..failure });
        Self { stage: self.stage, records, failures: moved.collect() }
    }

    fn into_records(self) -> impl Iterator<Item = RecordFailure> {
        let Self { stage, records, failures } = self;
        failures.into_iter().map(move |Failure { index, cause, attempts, .. }| RecordFailure {
            stage,
            record: records.alone(index),
            cause,
            attempts,
        })
    }
}

/// Leaves the failures of records before the source's number `first`, and returns the others.
pub(crate) fn split_off(stages: &mut Vec<StageFailures>, first: u64) -> Vec<StageFailures> {
    let later = stages.iter_mut().map(|failures| {
        let earlier = (0..failures.records.len()).take_while(|index| failures.records.number(*index) < first);
        failures.split_off(earlier.count())
    });
    let later = later.filter(|later| !later.failures.is_empty()).collect();
    stages.retain(|failures| !failures.failures.is_empty());
    later
}

/// The failures of all stages, by the numbers of their records.
pub(crate) fn in_order(stages: Vec<StageFailures>) -> Vec<RecordFailure> {
    let mut failures: Vec<_> = stages.into_iter().flat_map(StageFailures::into_records).collect();
    failures.sort_by_key(|failure| failure.record.number(0));
    failures
}
