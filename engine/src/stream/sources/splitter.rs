//! Bytes that come in pieces, cut into records.

use super::lines::split;
use crate::record::{Batch, Numbers};

/// Cuts what comes into the records that end there.
pub(super) struct Splitter {
    separator: u8,
    longest: usize,
    /// What came of the next record.
    rest: Vec<u8>,
}

/// What became of a piece.
pub(super) struct Cut {
    /// The records that end in it, up to one that is too long.
    pub(super) records: Option<Batch>,
    pub(super) too_long: bool,
}

impl Splitter {
    pub(super) fn new(separator: u8, longest: usize) -> Self {
        Self { separator, longest, rest: Vec::new() }
    }

    /// The records that end in `bytes`.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Cut {
        let end = memchr::memrchr(self.separator, bytes).map_or(0, |last| last + 1);
        self.rest.extend_from_slice(&bytes[..end]);
        let records = (end > 0).then(|| self.batch());
        self.rest.extend_from_slice(&bytes[end..]);
        let begun_too_long = self.rest.len() > self.longest;
        match records {
            Some(mut records) if records.largest(false) > self.longest + 1 => {
                let fit = records.iter().take_while(|(_, record)| record.len() <= self.longest).count();
                records.truncate(fit);
                Cut { records: Some(records), too_long: true }
            }
            records => Cut { records, too_long: begun_too_long },
        }
    }

    /// The last record, if it lacks its separator.
    pub(super) fn end(&mut self) -> Option<Batch> {
        let begun = !self.rest.is_empty();
        begun.then(|| {
            self.rest.push(self.separator);
            self.batch()
        })
    }

    fn batch(&mut self) -> Batch {
        let mut data = std::mem::take(&mut self.rest);
        let ends = split(&mut data, self.separator);
        Batch::new(data, ends, Numbers::From(0))
    }
}
