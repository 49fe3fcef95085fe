//! Splits the lines of a file that is read in parts.

use super::rows::{Pieces, Rows, Stopped, Unfinished, too_long};
use super::splitter::split;
use crate::record::{Batch, LONGEST, Numbers};

/// The part of a line that was read, and the number of lines before it.
pub(crate) struct LineRows {
    separator: u8,
    begun: Vec<u8>,
    /// How many bytes were skipped of a line that is too long.
    skipped: Option<u64>,
    lines: u64,
}

impl LineRows {
    pub(crate) fn new(separator: u8) -> Self {
        Self { separator, begun: Vec::new(), skipped: None, lines: 0 }
    }

    /// Adds the lines that were begun, the last of which ends with its separator.
    fn add(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        let mut data = std::mem::take(&mut self.begun);
        if data.len() > LONGEST {
            // Only the first line can be too long, since what is read at once is shorter.
            let end = memchr::memchr(self.separator, &data).unwrap_or(data.len());
            if end > LONGEST + usize::from(data[..end].ends_with(b"\r")) {
                self.lines += 1;
                pieces.refuse(&data[..LONGEST], &too_long(LONGEST), self.lines)?;
                data.drain(..=end);
            }
        }
        let ends = split(&mut data, self.separator);
        self.lines += ends.len() as u64;
        pieces.add_batch(Batch::new(data, ends, Numbers::From(0)))
    }
}

impl Rows for LineRows {
    fn read(&mut self, mut bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        if bytes.is_empty() && !self.begun.is_empty() {
            // The last line lacks its separator, and may still get it.
            let lines = self.lines;
            self.begun.push(self.separator);
            self.add(pieces)?;
            self.lines = lines;
            return Ok(());
        }
        if let Some(skipped) = self.skipped {
            let Some(end) = memchr::memchr(self.separator, bytes) else {
                self.skipped = Some(skipped + bytes.len() as u64);
                return Ok(());
            };
            (self.skipped, bytes) = (None, &bytes[end + 1..]);
        }
        let end = memchr::memrchr(self.separator, bytes).map_or(0, |last| last + 1);
        self.begun.extend_from_slice(&bytes[..end]);
        if end > 0 {
            self.add(pieces)?;
        }
        self.begun.extend_from_slice(&bytes[end..]);
        if self.begun.len() > LONGEST {
            let begun = std::mem::take(&mut self.begun);
            (self.skipped, self.lines) = (Some(begun.len() as u64), self.lines + 1);
            pieces.refuse(&begun[..LONGEST], &too_long(LONGEST), self.lines)?;
        }
        Ok(())
    }

    fn unfinished(&self) -> Unfinished {
        match self.skipped {
            Some(bytes) => Unfinished { bytes, lines: self.lines - 1, refused: true },
            None => Unfinished { bytes: self.begun.len() as u64, lines: self.lines, refused: false },
        }
    }

    fn continue_after(&mut self, lines: u64) {
        self.lines = lines;
    }
}
