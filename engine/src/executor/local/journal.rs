//! What a function that accumulates was given since its state was last taken out, so that it can be given
//! to another instance.

use std::time::Duration;

use crate::record::{Batch, BatchBuilder};

/// What each batch takes beside its records, in bytes.
const ENTRY: usize = 256;

/// What each record takes beside its bytes.
const RECORD: usize = 5;

/// Batches with fewer records are merged up to this size when they are given again.
const FEW: usize = 512;

/// Records, and their keys if they have any.
pub(super) type Keyed = (Batch, Option<Batch>);

/// Records that went well, in their order.
#[derive(Default)]
pub(super) struct Journal {
    entries: Vec<Keyed>,
    /// About the bytes that it keeps.
    weight: usize,
    /// The time that its records took.
    spent: Duration,
    /// The time that it took to give them again, each time that it was done.
    repeated: Duration,
}

impl Journal {
    pub(super) fn push(&mut self, mut records: Batch, keys: Option<Batch>, time: Duration) {
        self.spent += time;
        if records.is_empty() {
            return;
        }
        records.forget_origin();
        let sizes = [Some(&records), keys.as_ref()].into_iter().flatten().map(weight);
        self.weight += sizes.sum::<usize>();
        self.entries.push((records, keys));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// The time that was spent on giving its records again.
    pub(super) fn repeated(&self) -> Duration {
        self.repeated
    }

    pub(super) fn repeat(&mut self, time: Duration) {
        self.repeated += time;
    }

    /// All of it, in batches that are worth a call each.
    pub(super) fn pieces(&self) -> Vec<Keyed> {
        let mut pieces = Vec::new();
        let mut small = (BatchBuilder::default(), BatchBuilder::default());
        for (records, keys) in &self.entries {
            if records.len() >= FEW {
                pieces.extend(joined(std::mem::take(&mut small)));
                pieces.push((records.clone(), keys.clone()));
                continue;
            }
            small.0.append(records, 0..records.len());
            if let Some(keys) = keys {
                small.1.append(keys, 0..keys.len());
            }
            if small.0.len() >= FEW {
                pieces.extend(joined(std::mem::take(&mut small)));
            }
        }
        pieces.extend(joined(small));
        pieces
    }
}

fn weight(batch: &Batch) -> usize {
    batch.data().len() + batch.len() * RECORD + ENTRY
}

fn joined((records, keys): (BatchBuilder, BatchBuilder)) -> Option<Keyed> {
    let keys = (keys.len() > 0).then(|| keys.build());
    (records.len() > 0).then(|| (records.build(), keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: std::ops::Range<u64>) -> Batch {
        let mut builder = BatchBuilder::default();
        records.for_each(|number| builder.push(number, |data| data.extend(number.to_string().bytes())));
        builder.build()
    }

    #[test]
    fn small_batches_are_replayed_together_and_in_order() {
        let mut journal = Journal::default();
        let mut last = 0;
        for length in [1, 3, 600, 1, 500, 20, 700, 2] {
            let records = batch(last..last + length);
            journal.push(records.clone(), Some(records), Duration::from_millis(1));
            last += length;
        }
        let pieces = journal.pieces();
        let lengths: Vec<_> = pieces.iter().map(|(records, _)| records.len()).collect();
        assert_eq!(lengths, [4, 600, 521, 700, 2]);
        let given: Vec<u64> =
            pieces.iter().flat_map(|(records, _)| records.iter().map(|(number, _)| number)).collect();
        assert_eq!(given, (0..last).collect::<Vec<_>>());
        for (records, keys) in &pieces {
            assert_eq!(records.data(), keys.as_ref().unwrap().data());
        }
        assert_eq!(journal.spent(), Duration::from_millis(8));
    }
}
