//! Reads ahead in blocks of whole records, on a thread.

use std::io::{self, Read};

use tokio::sync::mpsc::Sender;

use super::splitter::split;

/// The most bytes that are read at once.
pub(super) const BLOCK: usize = 256 << 10;

/// Whole records, laid out as they cross into a sandbox, and why there are no more.
pub(super) struct Block {
    pub(super) data: Vec<u8>,
    pub(super) ends: Vec<u32>,
    /// How many bytes of the reader they took.
    pub(super) size: u64,
    pub(super) end: Option<End>,
}

pub(super) enum End {
    Failed(io::Error),
    TooLong,
}

/// Reads blocks until the end, or until the receiver is gone.
pub(super) fn read(mut reader: impl Read, separator: u8, longest: usize, blocks: &Sender<Block>) {
    let mut rest = Vec::new();
    loop {
        let (block, more) = read_block(&mut reader, separator, longest, &mut rest);
        let end = block.end.is_some();
        if blocks.blocking_send(block).is_err() || end || !more {
            return;
        }
    }
}

/// Reads once, or until there is a whole record. `rest` is the part of the next record that was read. Returns whether the
/// reader may have more.
fn read_block(reader: &mut impl Read, separator: u8, longest: usize, rest: &mut Vec<u8>) -> (Block, bool) {
    let mut data = std::mem::take(rest);
    let mut end = None;
    let mut more = true;
    let mut added = 0;
    loop {
        let known = data.len();
        data.resize(known + BLOCK, 0);
        let read = reader.read(&mut data[known..]);
        data.truncate(known + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => {
                // The last record may lack its separator.
                if !data.is_empty() {
                    data.push(separator);
                    added = 1;
                }
                more = false;
                break;
            }
            Ok(_) => {
                if let Some(last) = memchr::memrchr(separator, &data[known..]) {
                    *rest = data.split_off(known + last + 1);
                    break;
                }
                if data.len() > longest {
                    end = Some(End::TooLong);
                    data.clear();
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                end = Some(End::Failed(error));
                data.clear();
                break;
            }
        }
    }
    let size = data.len() as u64 - added;
    (Block { ends: split(&mut data, separator), data, size, end }, more)
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

    fn records(pieces: &[&[u8]], separator: u8) -> Vec<String> {
        // A piece without bytes would be the end of the input.
        let pieces =
            pieces.iter().rev().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
        let (mut reader, mut rest, mut found) = (Pieces(pieces), Vec::new(), Vec::new());
        loop {
            let (Block { data, ends, .. }, more) = read_block(&mut reader, separator, LONGEST, &mut rest);
            let mut start = 0;
            for end in ends {
                found.push(String::from_utf8(data[start..end as usize].to_vec()).unwrap());
                start = end as usize + 1;
            }
            if !more {
                return found;
            }
        }
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
            prop_assert_eq!(records(&pieces, b'\n'), lines);
        }
    }
}
