//! Checks that lines are JSON.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::encoding::without_mark;
use super::rows::{Pieces, Rows, Stopped, Unfinished, too_long};
use crate::record::LONGEST;
use crate::text::json_reason;

/// The part of a line that was read, and the number of lines before it.
#[derive(Default)]
pub(crate) struct NdjsonRows {
    begun: Vec<u8>,
    /// How many bytes were skipped of a line that is too long.
    skipped: Option<u64>,
    lines: u64,
}

impl Rows for NdjsonRows {
    fn read(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(skipped) = self.skipped {
                self.skipped = (!part.ends_with(b"\n")).then_some(skipped + part.len() as u64);
                continue;
            }
            match part.strip_suffix(b"\n") {
                Some(line) if self.begun.is_empty() => self.add(line, pieces)?,
                Some(end) => {
                    self.begun.extend_from_slice(end);
                    self.end(pieces)?;
                }
                None => self.begun.extend_from_slice(part),
            }
            if self.begun.len() > LONGEST {
                self.skipped = Some(self.begun.len() as u64);
                self.end(pieces)?;
            }
        }
        if bytes.is_empty() {
            // The last line may lack its newline, and may still get it.
            let lines = self.lines;
            self.end(pieces)?;
            self.lines = lines;
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

impl NdjsonRows {
    /// Adds the line that was begun.
    fn end(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        let line = std::mem::take(&mut self.begun);
        self.add(&line, pieces)
    }

    fn add(&mut self, line: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        self.lines += 1;
        if line.len() > LONGEST {
            return pieces.refuse(&line[..LONGEST], &too_long(LONGEST), self.lines);
        }
        let bytes = line.len();
        let line = if self.lines == 1 { without_mark(line) } else { line };
        let before = bytes - line.trim_ascii_start().len();
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        match check(line, before) {
            Ok(()) => pieces.add(|data| data.extend_from_slice(line)),
            Err(reason) => pieces.refuse(line, &reason, self.lines),
        }
    }
}

/// Checks that a line is JSON. `before` is how many bytes of it were left out.
fn check(line: &[u8], before: usize) -> Result<(), Cow<'static, str>> {
    // The parser does not check strings that it ignores.
    let text = str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let reason = |error| format!("it is not JSON: {}", json_reason(&error, before)).into();
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(reason)
}
