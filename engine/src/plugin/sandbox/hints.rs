//! What a guest says of the call at hand: how far it is, and which record makes it panic.
//!
//! Hints are bounded, whatever a guest says and however often, and they only move forwards: what was said
//! before can't be taken back.

use crate::text::short;

/// The hints of one call.
#[derive(Default)]
pub(in crate::plugin) struct Hints {
    records: u32,
    done: u32,
    panicked: Option<(u32, String)>,
}

impl Hints {
    /// Hints of a call with this number of records.
    pub(in crate::plugin) fn of(records: u32) -> Self {
        Self { records, ..Self::default() }
    }

    /// The first `done` records are done. Returns whether that begins another record of the call. A number
    /// that falls, that was said before, or that is beyond the call changes nothing.
    pub(in crate::plugin) fn progress(&mut self, done: u32) -> bool {
        let rises = done > self.done && done <= self.records;
        if rises {
            self.done = done;
        }
        rises && done < self.records
    }

    /// The record at `index` makes it panic, and was begun. Only the first panic of a call counts.
    pub(in crate::plugin) fn panics(&mut self, index: u32, message: &str) {
        if self.panicked.is_none() {
            self.panicked = Some((index, short(message).into_owned()));
            if index < self.records {
                self.done = self.done.max(index);
            }
        }
    }

    /// How many records are done.
    pub(in crate::plugin) fn done(&self) -> usize {
        self.done as usize
    }

    /// How many records were begun.
    pub(in crate::plugin) fn begun(&self) -> usize {
        self.records.min(self.done.saturating_add(1)) as usize
    }

    /// The record that made it panic.
    pub(in crate::plugin) fn suspect(&self) -> Option<usize> {
        self.panicked.as_ref().map(|(index, _)| *index as usize)
    }

    /// What it said when it panicked, as it may be shown.
    pub(in crate::plugin) fn panic(&self) -> Option<&str> {
        self.panicked.as_ref().map(|(_, message)| &**message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_rises_and_starts_each_record_once() {
        let mut hints = Hints::of(3);
        let said = [(0, false), (2, true), (1, false), (2, false), (0, false), (7, false), (3, false)];
        for (done, begins) in said {
            assert_eq!(hints.progress(done), begins, "{done}");
        }
        assert_eq!((hints.done(), hints.begun()), (3, 3));
        assert!(!Hints::of(0).progress(1));
    }

    #[test]
    fn a_calls_first_panic_counts_and_its_text_is_cut() {
        let mut hints = Hints::of(5);
        hints.progress(1);
        hints.panics(3, &"x".repeat(1 << 20));
        hints.panics(1, "another");
        assert_eq!((hints.suspect(), hints.done()), (Some(3), 3));
        assert!(hints.panic().is_some_and(|text| text.len() < 1000));
        hints.progress(2);
        assert_eq!(hints.done(), 3);
    }
}
