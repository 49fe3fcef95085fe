//! Lines that are JSON.

use std::io::Read;

use serde::de::IgnoredAny;

use super::layout::Layout;
use super::rows::{Pieces, Reading, Rows, Stopped};
use crate::record::LONGEST;

/// A source of lines that are one JSON value each, as they stand. Blank lines are skipped, and are no records. A
/// line that is no JSON is a fault (see [`Reading::on_fault`]), which has a number as records have.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, FaultPolicy, Json, Source, sinks};
///
/// let source = Source::new();
/// let (sink, pairs) = sinks::list();
/// source.stream().map(|Json(pair): Json<(i64, i64)>| pair).sink(sink);
/// let lines = "[1,2]\n\n[3,\n[5,6]\n".as_bytes();
/// let ndjson = sources::ndjson(lines).on_fault(&FaultPolicy::skip());
/// ndjson.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(pairs.take(), [(1, 2), (5, 6)]);
/// # Ok(()) }
/// ```
pub fn ndjson<R: Read + Send + 'static>(reader: R) -> Reading<R> {
    Reading::new(reader, Layout::Ndjson)
}

/// What was read of a line, and its number less one.
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
    /// Adds what was begun.
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
            Err(error) => pieces.refuse(line, format!("it is no JSON: {error}"), self.lines),
        }
    }
}
