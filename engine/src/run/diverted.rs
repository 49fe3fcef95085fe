//! Which records were put aside, so that each is there once.

use std::collections::BTreeSet;

/// Records that are known to have been put aside, at most.
const MOST_KNOWN: usize = 1 << 18;

/// The records that were put aside.
#[derive(Default)]
pub(super) struct DivertedRecords {
    /// How many of them the run that this one continues put there.
    pub(super) before: u64,
    /// Those that may come again, in other pieces or from a run that repeats another one.
    known: BTreeSet<u64>,
    /// How many others there were.
    done: u64,
}

impl DivertedRecords {
    /// Notes a record. False if it is known.
    pub(super) fn insert(&mut self, record: u64) -> bool {
        let new = self.known.insert(record);
        if self.known.len() > MOST_KNOWN {
            self.known.pop_first();
            self.done += 1;
        }
        new
    }

    /// All records up to this one have left the graph. Returns how many of them were put aside.
    pub(super) fn settle(&mut self, record: u64) -> u64 {
        let ahead = self.known.split_off(&(record + 1));
        self.done += std::mem::replace(&mut self.known, ahead).len() as u64;
        self.done
    }
}
