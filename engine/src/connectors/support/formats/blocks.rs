//! Reads ahead in blocks of whole records, on a thread.

use std::io::{self, Read};

use tokio::sync::mpsc::Sender;

use super::splitter::split;

/// The most bytes that are read at once.
pub(super) const BLOCK: usize = 256 << 10;

/// Whole records, laid out as they cross into a sandbox, and what comes after them.
pub(super) struct Block {
    pub(super) data: Vec<u8>,
    pub(super) ends: Vec<u32>,
    /// How many bytes of the reader come before the records: the rest of a record that was too long.
    pub(super) before: u64,
    /// How many bytes of the reader the block took, with these and with a record that is too long.
    pub(super) size: u64,
    pub(super) after: Option<After>,
}

/// What comes after the records of a block.
pub(super) enum After {
    /// Reading failed.
    Failed(io::Error),
    /// A record that is too long; this is its beginning. Reading goes on after its end.
    TooLong(Vec<u8>),
}

/// Reads blocks until the end, or until the receiver is gone.
pub(super) fn read(reader: impl Read, separator: u8, longest: usize, blocks: &Sender<Block>) {
    let mut reader = BlockReader::new(reader, separator, longest);
    while let Some(block) = reader.next() {
        let failed = matches!(block.after, Some(After::Failed(_)));
        if blocks.blocking_send(block).is_err() || failed {
            return;
        }
    }
}

/// Splits a reader into blocks of whole records.
struct BlockReader<R> {
    reader: R,
    separator: u8,
    longest: usize,
    /// What was read of the next records.
    rest: Vec<u8>,
    /// There are whole records in `rest`.
    has_whole: bool,
    /// What comes next belongs to a record that was too long.
    skips: bool,
    ended: bool,
    /// How many bytes were added to end the last record.
    added: u64,
}

impl<R: Read> BlockReader<R> {
    fn new(reader: R, separator: u8, longest: usize) -> Self {
        let (rest, has_whole, skips, ended) = (Vec::new(), false, false, false);
        Self { reader, separator, longest, rest, has_whole, skips, ended, added: 0 }
    }

    /// Reads once, or until there is a whole record. None at the end.
    fn next(&mut self) -> Option<Block> {
        let mut data = std::mem::take(&mut self.rest);
        let mut before = 0;
        if !std::mem::take(&mut self.has_whole) {
            if self.ended {
                return None;
            }
            match self.read(&mut data) {
                Ok(skipped) => before = skipped,
                Err(error) => {
                    let after = Some(After::Failed(error));
                    return Some(Block { data: Vec::new(), ends: Vec::new(), before, size: before, after });
                }
            }
        } else if let Some(last) = memchr::memrchr(self.separator, &data) {
            self.rest = data.split_off(last + 1);
        }
        let too_long = if data.len() > self.longest { self.cut(&mut data) } else { None };
        let size = before + data.len() as u64 + too_long.as_ref().map_or(0, |(_, size)| *size);
        let added = if self.rest.is_empty() { std::mem::take(&mut self.added) } else { 0 };
        let after = too_long.map(|(beginning, _)| After::TooLong(beginning));
        Some(Block { ends: split(&mut data, self.separator), data, before, size: size - added, after })
    }

    /// Appends to `data` until it ends with a whole record, is too long, or is all there is. Returns how many bytes were
    /// skipped before, of a record that was too long.
    fn read(&mut self, data: &mut Vec<u8>) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let known = data.len();
            data.resize(known + BLOCK, 0);
            let read = self.reader.read(&mut data[known..]);
            data.truncate(known + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    self.ended = true;
                    // The last record may lack its separator.
                    if !data.is_empty() {
                        data.push(self.separator);
                        self.added = 1;
                    }
                    return Ok(skipped);
                }
                Ok(_) => {
                    // Nothing was known before if a record is skipped.
                    skipped += self.skip(data);
                    let known = known.min(data.len());
                    if let Some(last) = memchr::memrchr(self.separator, &data[known..]) {
                        self.rest = data.split_off(known + last + 1);
                        return Ok(skipped);
                    }
                    if data.len() > self.longest {
                        return Ok(skipped);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what belongs to a record that was too long. Returns how much that is.
    fn skip(&mut self, data: &mut Vec<u8>) -> u64 {
        if !self.skips {
            return 0;
        }
        let end = memchr::memchr(self.separator, data);
        self.skips = end.is_none();
        let size = end.map_or(data.len(), |end| end + 1);
        data.drain(..size);
        size as u64
    }

    /// Keeps the records before the first one that is too long. Returns that one's beginning and its size.
    fn cut(&mut self, data: &mut Vec<u8>) -> Option<(Vec<u8>, u64)> {
        let mut start = 0;
        loop {
            let end = memchr::memchr(self.separator, data.get(start..)?).map(|end| start + end);
            let record = &data[start..end.unwrap_or(data.len())];
            if without_carriage_return(record, self.separator).len() <= self.longest {
                start = end? + 1;
                continue;
            }
            let mut too_long = data.split_off(start);
            let mut others = too_long.split_off(end.map_or(too_long.len(), |end| end + 1 - start));
            // What was read after these records stays after them.
            self.has_whole = !others.is_empty();
            others.append(&mut self.rest);
            (self.rest, self.skips) = (others, end.is_none());
            let size = too_long.len() as u64;
            too_long.truncate(self.longest);
            return Some((too_long, size));
        }
    }
}

/// A record as it counts: a carriage return before a newline is no part of it.
fn without_carriage_return(record: &[u8], separator: u8) -> &[u8] {
    if separator == b'\n' { record.strip_suffix(b"\r").unwrap_or(record) } else { record }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::LONGEST;

    /// Returns its bytes in pieces, as a pipe does.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.pop() else { return Ok(0) };
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn records_up_to(longest: usize, pieces: &[&[u8]], separator: u8) -> Vec<String> {
        // A piece without bytes would be the end of the input.
        let pieces =
            pieces.iter().rev().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
        let (mut reader, mut found) = (BlockReader::new(Pieces(pieces), separator, longest), Vec::new());
        let (mut offset, all) = (0, reader.reader.0.iter().map(Vec::len).sum::<usize>());
        while let Some(Block { data, ends, size, after, .. }) = reader.next() {
            let mut start = 0;
            for end in ends {
                found.push(String::from_utf8(data[start..end as usize].to_vec()).unwrap());
                start = end as usize + 1;
            }
            if let Some(After::TooLong(beginning)) = after {
                found.push(format!("{}…", String::from_utf8(beginning).unwrap()));
            }
            offset += size;
        }
        assert_eq!(offset, all as u64);
        found
    }

    fn records(pieces: &[&[u8]], separator: u8) -> Vec<String> {
        records_up_to(LONGEST, pieces, separator)
    }

    #[test]
    fn lines_split_at_line_breaks() {
        assert_eq!(records(&[b"a\n\nb\r\nc"], b'\n'), ["a", "", "b", "c"]);
        assert_eq!(records(&[b"a\nb\n"], b'\n'), ["a", "b"]);
        assert_eq!(records(&[b"a\r", b"\nb\rc\n"], b'\n'), ["a", "b\rc"]);
        assert_eq!(records(&[b"a\nb\0c\r\n\0"], 0), ["a\nb", "c\r\n"]);
        assert!(records(&[], b'\n').is_empty());
    }

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_matter(lines in prop::collection::vec("[a-z]{0,5}", 0..20), cuts in prop::collection::vec(0usize..60, 0..5)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(records(&pieces, b'\n'), &lines[..]);
            // Lines that are too long are cut, and no other is touched.
            let cut = |line: &String| if line.len() > 3 { format!("{}…", &line[..3]) } else { line.clone() };
            let expected: Vec<_> = lines.iter().map(cut).collect();
            prop_assert_eq!(records_up_to(3, &pieces, b'\n'), expected);
        }
    }
}
