//! Splits bytes that come in pieces into records.

use crate::record::{Batch, Numbers, positions};

/// Splits pieces of bytes into records.
pub(crate) struct Splitter {
    separator: u8,
    longest: usize,
    /// The part of the next record that came.
    rest: Vec<u8>,
    /// The next bytes are of a record that is too long, up to its separator.
    discarding: bool,
}

/// The result of splitting a piece.
#[derive(Default)]
pub(crate) struct Cut {
    /// The records that end in the piece, up to one that is too long.
    pub(crate) records: Option<Batch>,
    /// The part of the record that is too long, if there is one.
    pub(crate) too_long: Option<Vec<u8>>,
}

impl Splitter {
    pub(crate) fn new(separator: u8, longest: usize) -> Self {
        Self { separator, longest, rest: Vec::new(), discarding: false }
    }

    /// Splits the next bytes up to a record that is too long, and advances `bytes` to what is left after it. Once a
    /// record is known to be too long, it is returned, and the rest of it is discarded.
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Cut {
        if self.discarding {
            let Some(end) = memchr::memchr(self.separator, bytes) else {
                *bytes = &[];
                return Cut::default();
            };
            *bytes = &bytes[end + 1..];
            self.discarding = false;
        }
        let end = memchr::memrchr(self.separator, bytes).map_or(0, |last| last + 1);
        self.rest.extend_from_slice(&bytes[..end]);
        let records = (end > 0).then(|| self.batch());
        if let Some(records) = records {
            if records.largest(false) > self.longest + 1 {
                return self.cut_at_too_long(records, bytes);
            }
            *bytes = &bytes[end..];
            return Cut { records: Some(records), ..self.keep_rest(bytes) };
        }
        self.keep_rest(bytes)
    }

    /// Cuts records before one that is too long.
    fn cut_at_too_long(&self, mut records: Batch, bytes: &mut &[u8]) -> Cut {
        let fit = records.iter().take_while(|(_, record)| record.len() <= self.longest).count();
        let too_long = records.record(fit).to_vec();
        records.truncate(fit);
        // The first of them may have begun before `bytes`, but ends here as all of them do.
        let end = memchr::memchr_iter(self.separator, bytes).nth(fit);
        *bytes = &bytes[end.map_or(bytes.len(), |end| end + 1)..];
        Cut { records: Some(records), too_long: Some(too_long) }
    }

    /// Keeps the part of a record that has no separator yet.
    fn keep_rest(&mut self, bytes: &mut &[u8]) -> Cut {
        self.rest.extend_from_slice(bytes);
        *bytes = &[];
        // A carriage return may belong to the separator.
        let is_return = self.separator == b'\n' && self.rest.last() == Some(&b'\r');
        self.discarding = self.rest.len() - usize::from(is_return) > self.longest;
        Cut { records: None, too_long: self.discarding.then(|| std::mem::take(&mut self.rest)) }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found in pieces of a size: records, and what is too long as none.
    fn split_in_pieces(data: &[u8], longest: usize, size: usize) -> Vec<Option<Vec<u8>>> {
        let (mut splitter, mut found) = (Splitter::new(b'\n', longest), Vec::new());
        let add = |found: &mut Vec<_>, batch: Batch| {
            found.extend(batch.iter().map(|(_, record)| Some(record.to_vec())));
        };
        for mut piece in data.chunks(size) {
            while !piece.is_empty() {
                let Cut { records, too_long } = splitter.take(&mut piece);
                records.into_iter().for_each(|records| add(&mut found, records));
                found.extend(too_long.map(|_| None));
            }
        }
        splitter.end().into_iter().for_each(|records| add(&mut found, records));
        found
    }

    proptest! {
        #[test]
        fn a_line_that_is_too_long_takes_no_other_line_with_it(
            lines in prop::collection::vec("[a-z]{0,9}", 0..20),
            returns: bool,
            longest in 0..6_usize,
            size in 1..12_usize,
            ends: bool,
        ) {
            let separator = if returns { "\r\n" } else { "\n" };
            let mut text = lines.join(separator);
            if ends && !lines.is_empty() {
                text += separator;
            }
            let known = |line: &String| (line.len() <= longest).then(|| line.clone().into_bytes());
            let mut expected: Vec<_> = lines.iter().map(known).collect();
            if !ends && lines.last().is_some_and(String::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(split_in_pieces(text.as_bytes(), longest, size), expected);
        }
    }
}
