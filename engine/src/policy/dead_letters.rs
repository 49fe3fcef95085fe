//! Dead letters as a file: a line of JSON for each record that was put aside, which can be run again.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::FileError;
use crate::files::{Mode, PlacedFile, create};
use crate::policy::DeadLetter;
use crate::policy::letter_file::LetterFile;
use crate::text::json_reason;
use crate::versions::DEAD_LETTER;

/// One line of the file. What a reader does not need is for people and for scripts.
#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    /// The source's number of the record, counted from 1.
    number: u64,
    /// The file that it was read from, and its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    function: Cow<'a, str>,
    /// The node that called it, if its name is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Cow<'a, str>>,
    fault: Cow<'a, str>,
    message: Cow<'a, str>,
    attempts: u32,
    /// The record, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Cow<'a, str>>,
    /// The record, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_base64: Option<Cow<'a, str>>,
}

/// What is read of a line: the record alone, so that a line may be written by hand.
#[derive(Deserialize)]
#[serde(expecting = "a dead letter, as an object with a record")]
struct Letter<'a> {
    version: Option<u64>,
    #[serde(borrow)]
    record: Option<Cow<'a, str>>,
    #[serde(borrow)]
    record_base64: Option<Cow<'a, str>>,
}

/// Where a record stands in the input that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputPosition {
    /// The input's name.
    pub input: Arc<str>,
    /// What is counted there.
    pub unit: Unit,
    /// The record's number in the input, counted from 1.
    pub number: u64,
}

impl InputPosition {
    /// The position of a record: the name of its input, what is counted there, and its number, from 1.
    #[must_use]
    pub fn new(input: impl Into<Arc<str>>, unit: Unit, number: u64) -> Self {
        Self { input: input.into(), unit, number }
    }
}

/// What an input is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Lines.
    Line,
    /// Rows that may take several lines, and don't begin with the first one.
    Row,
}

/// As in `clean.csv, row 5`.
impl fmt::Display for InputPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Row => "row",
        };
        write!(f, "{}, {unit} {}", self.input, self.number)
    }
}

/// A file of dead letters, a line of JSON each (NDJSON).
///
/// A line has the record's `number`, where it stood (`input`, and `line` or `row`, if known), the `function` that
/// failed, the `node` that called it (if its name is another), the kind of `fault` and its `message`, how many `attempts` were made, and the `record` itself,
/// or `record_base64` if it is not text. [`sources::dead_letters`](crate::sources::dead_letters) reads the
/// records again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::policy::DeadLetters;
/// use engine::{FaultPolicy, Source};
///
/// let folder = tempfile::tempdir()?;
/// let letters = DeadLetters::create(folder.path().join("dead.ndjson"))?;
/// let policy = FaultPolicy::divert_to(&letters);
/// let source = Source::new();
/// source.stream().try_map(|line: String| line.parse::<i64>(), &policy).sink(|_: i64| {});
/// source.emit("seven".to_owned()).await?;
/// source.close().await?;
/// assert_eq!(letters.count(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DeadLetters {
    file: Arc<Mutex<LetterFile<PlacedFile>>>,
    path: Arc<PathBuf>,
}

impl DeadLetters {
    /// Creates the file, or appends to it: earlier letters stay. If it is removed or renamed meanwhile, later letters go
    /// to a new file at the path.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = create(path, Mode::ReadAndAppend, &|| false);
        let file = file.map_err(|error| unwritable(path, error))?;
        Ok(Self::to(file, path))
    }

    /// Writes to a file that is open already, from where it stands; `path` is its name in messages. A last line
    /// that was cut off, as a run that is killed leaves one, is ended first, if the file can be read too.
    #[must_use]
    pub fn to(mut file: File, path: impl AsRef<Path>) -> Self {
        end_line(&mut file);
        Self::at(PlacedFile::new(path.as_ref(), file), path.as_ref())
    }

    /// The same for a file whose bytes a checkpoint counts: if it is removed or replaced meanwhile, writing fails.
    pub(crate) fn counted(mut file: File, path: &Path) -> Self {
        end_line(&mut file);
        Self::at(PlacedFile::new(path, file).counted(), path)
    }

    fn at(file: PlacedFile, path: &Path) -> Self {
        Self { file: Arc::new(Mutex::new(LetterFile::new(file))), path: Arc::new(path.to_owned()) }
    }

    fn file(&self) -> MutexGuard<'_, LetterFile<PlacedFile>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many letters are in the file by now, without those that were there before.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.file().letters()
    }

    /// How many bytes were put so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.file().put_bytes()
    }

    /// Adds a letter. It is in the file for certain after [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn put(&self, letter: &DeadLetter, position: Option<&InputPosition>) -> Result<(), Error> {
        let put = self.file().put(|line| encode(letter, position, line));
        put.map_err(|error| unwritable(&self.path, error))
    }

    /// Writes out what was put.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn flush(&self) -> Result<(), Error> {
        self.file().flush().map_err(|error| unwritable(&self.path, error))
    }

    /// Writes out what was put, and makes the file again if its path does not lead to it any more.
    pub(crate) fn follow_path(&self) -> Result<(), Error> {
        let mut file = self.file();
        let followed = file.flush().and_then(|()| file.get_mut().follow_path());
        followed.map_err(|error| unwritable(&self.path, error))
    }

    /// Writes out what was put, and returns when it is on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let mut file = self.file();
        let synced = file.flush().and_then(|()| file.get().sync());
        synced.map_err(|error| unwritable(&self.path, error))
    }
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadLetters({})", self.path.display())
    }
}

/// Puts a newline behind a last line that has none. What can't be done here fails where letters are put.
fn end_line(file: &mut File) {
    let end = file.metadata().map_or(0, |known| known.len());
    let mut last = [b'\n'];
    let is_file = file.metadata().is_ok_and(|known| known.is_file());
    if !is_file || end == 0 || file.seek(SeekFrom::Start(end - 1)).is_err() {
        return;
    }
    if file.read(&mut last).is_ok() && last != *b"\n" {
        let _ = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(b"\n"));
    }
    let _ = file.seek(SeekFrom::End(0));
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
}

fn encode(letter: &DeadLetter, position: Option<&InputPosition>, data: &mut Vec<u8>) {
    let DeadLetter { fault, record, attempts } = letter;
    let text = str::from_utf8(record).ok();
    let line = Line {
        version: DEAD_LETTER.written,
        number: fault.record,
        input: position.map(|position| (&*position.input).into()),
        line: position.filter(|position| position.unit == Unit::Line).map(|position| position.number),
        row: position.filter(|position| position.unit == Unit::Row).map(|position| position.number),
        function: fault.function.as_str().into(),
        node: fault.node.as_deref().map(Into::into),
        fault: fault.cause.kind().into(),
        message: fault.cause.message(),
        attempts: *attempts,
        record: text.map(Cow::Borrowed),
        record_base64: text.is_none().then(|| STANDARD.encode(record).into()),
    };
    serde_json::to_writer(data, &line).expect("text and numbers are always JSON");
}

/// Appends the record of a dead letter's line to `data`.
pub(crate) fn decode(line: &[u8], data: &mut Vec<u8>) -> Result<(), String> {
    let line: Letter = serde_json::from_slice(line).map_err(|error| {
        // A later version may have another layout.
        DEAD_LETTER.refusal(line).unwrap_or_else(|| json_reason(&error, 0))
    })?;
    line.version.map_or(Ok(()), |version| DEAD_LETTER.check(version))?;
    match (line.record, line.record_base64) {
        (Some(text), None) => data.extend_from_slice(text.as_bytes()),
        (None, Some(encoded)) => {
            STANDARD.decode_vec(&*encoded, data).map_err(|error| format!("record_base64: {error}"))?;
        }
        _ => return Err("it needs either record or record_base64".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Cause, Fault};

    fn letter(record: &[u8]) -> DeadLetter {
        let cause = Cause::Failed { message: "no\n\u{1b}[0m \"good\"".into(), retryable: true };
        let fault = Fault { record: 7, function: "parse".into(), node: Some("first".into()), cause };
        DeadLetter { fault, record: record.into(), attempts: 3 }
    }

    fn encoded(letter: &DeadLetter, position: Option<&InputPosition>) -> Vec<u8> {
        let mut line = Vec::new();
        encode(letter, position, &mut line);
        line
    }

    #[test]
    fn a_dead_letter_is_a_line_of_json() {
        let position = InputPosition::new("a.log", Unit::Line, 5);
        let line = String::from_utf8(encoded(&letter(b"x\ty"), Some(&position))).unwrap();
        let expected = r#"{"version":1,"number":7,"input":"a.log","line":5,"function":"parse","node":"first","fault":"failed","message":"no �[0m \"good\"","attempts":3,"record":"x\ty"}"#;
        assert_eq!(line, expected);
        let binary = String::from_utf8(encoded(&letter(b"\xff\0"), None)).unwrap();
        assert!(binary.ends_with(r#""attempts":3,"record_base64":"/wA="}"#), "{binary}");
    }

    #[test]
    fn a_line_that_is_no_dead_letter_is_refused() {
        for line in ["", "{}", "7", "[]", r#"{"record":7}"#, r#"{"record":"x","record_base64":"eA=="}"#] {
            assert!(decode(line.as_bytes(), &mut Vec::new()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_line_needs_no_more_than_its_record() {
        let record = |line: &str| {
            let mut record = Vec::new();
            decode(line.as_bytes(), &mut record).map(|()| String::from_utf8(record).unwrap())
        };
        assert_eq!(record(r#"{"record":"x"}"#), Ok("x".to_owned()));
        assert_eq!(record(r#"{"note":"mended","record_base64":"eA=="}"#), Ok("x".to_owned()));
        let newer = record(r#"{"version":2,"record":["x"]}"#).unwrap_err();
        assert!(newer.contains("version 2 of dead letters"), "{newer}");
    }

    proptest! {
        #[test]
        fn dead_letter_records_round_trip(record: Vec<u8>) {
            let mut back = Vec::new();
            decode(&encoded(&letter(&record), None), &mut back).unwrap();
            prop_assert_eq!(back, record);
        }

        #[test]
        fn any_bytes_cause_no_panic(line: Vec<u8>) {
            let _ = decode(&line, &mut Vec::new());
        }
    }
}
