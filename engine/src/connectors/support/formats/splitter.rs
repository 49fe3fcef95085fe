//! Splits bytes that come in pieces into records.

use crate::record::{Batch, Numbers, positions};

/// Splits pieces of bytes into records.
pub(crate) struct Splitter {
    separator: u8,
    longest: usize,
    /// The part of the next record that came.
    rest: Vec<u8>,
}

/// The result of splitting a piece.
pub(crate) struct Cut {
    /// The records that end in the piece, up to one that is too long.
    pub(crate) records: Option<Batch>,
    /// The part of the record that is too long, if there is one. Nothing after it is kept.
    pub(crate) too_long: Option<Vec<u8>>,
}

impl Splitter {
    pub(crate) fn new(separator: u8, longest: usize) -> Self {
        Self { separator, longest, rest: Vec::new() }
    }

    /// Splits the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Cut {
        let end = memchr::memrchr(self.separator, bytes).map_or(0, |last| last + 1);
        self.rest.extend_from_slice(&bytes[..end]);
        let records = (end > 0).then(|| self.batch());
        self.rest.extend_from_slice(&bytes[end..]);
        match records {
            Some(mut records) if records.largest(false) > self.longest + 1 => {
                let fit = records.iter().take_while(|(_, record)| record.len() <= self.longest).count();
                let too_long = records.record(fit).to_vec();
                records.truncate(fit);
                self.rest.clear();
                Cut { records: Some(records), too_long: Some(too_long) }
            }
            records => {
                let is_too_long = self.rest.len() > self.longest;
                Cut { records, too_long: is_too_long.then(|| std::mem::take(&mut self.rest)) }
            }
        }
    }

    /// The part of a record that did not end, if there is one.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.rest)).filter(|rest| !rest.is_empty())
    }

    /// The last record, if it lacks its separator.
    pub(crate) fn end(&mut self) -> Option<Batch> {
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

/// Where the records in `data` end. Removes carriage returns before newlines.
pub(crate) fn split(data: &mut Vec<u8>, separator: u8) -> Vec<u32> {
    if separator == b'\n' && memchr::memmem::find(data, b"\r\n").is_some() {
        remove_carriage_returns(data);
    }
    positions(data, separator)
}

fn remove_carriage_returns(data: &mut Vec<u8>) {
    let mut clean = Vec::with_capacity(data.len());
    let mut start = 0;
    for found in memchr::memmem::find_iter(data, b"\r\n") {
        clean.extend_from_slice(&data[start..found]);
        start = found + 1;
    }
    clean.extend_from_slice(&data[start..]);
    *data = clean;
}
