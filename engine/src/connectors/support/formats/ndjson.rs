//! Checks that lines are JSON.

use serde::de::IgnoredAny;

use super::rows::{Pieces, Rows, Stopped};
use crate::record::LONGEST;

/// The part of a line that was read, and the number of lines before it.
#[derive(Default)]
pub(crate) struct NdjsonRows {
    begun: Vec<u8>,
    lines: u64,
}

impl Rows for NdjsonRows {
    const NAME: &'static str = "ndjson";

    fn read(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(line) if self.begun.is_empty() => self.add(line, pieces)?,
                Some(end) => {
                    self.begun.extend_from_slice(end);
                    self.end(pieces)?;
                }
                None => self.begun.extend_from_slice(part),
            }
            if self.begun.len() > LONGEST {
                return Err(Stopped::TooLong);
            }
        }
        // The last line may lack its newline.
        if bytes.is_empty() { self.end(pieces) } else { Ok(()) }
    }

    fn begin_anew(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        self.end(pieces)?;
        self.lines = 0;
        Ok(())
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
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        if line.len() > LONGEST {
            return Err(Stopped::TooLong);
        }
        match serde_json::from_slice::<IgnoredAny>(line) {
            Ok(_) => pieces.add(|data| data.extend_from_slice(line)),
            Err(error) => pieces.refuse(line, format!("it is not JSON: {error}"), self.lines),
        }
    }
}
