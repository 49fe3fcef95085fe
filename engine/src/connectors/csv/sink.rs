//! The sink `csv`: records as rows of a file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ::csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::connectors::support::file_writer::FileWriter;
use crate::error::FileError;
use crate::graph::{Sink, Stream};
use crate::progress::OutputState;
use crate::record::Record;
use crate::{Error, FaultPolicy};

/// Writes each record to a file as a row of comma-separated values. A record is a JSON object with the columns' names,
/// in any order, or an array of their values. Strings are written without JSON's quotes, null as an empty field, and
/// all other values as JSON.
///
/// The columns are those of [`columns`](Csv::columns), or else the names of the first object; they are the first row of
/// a new file. A record with more or fewer columns is a fault. The file is created, or emptied, when the first record
/// comes, or at the end if none came. Rows are written as soon as no more records are ready, and at the end. If the file
/// is removed or renamed meanwhile, it is made again with its header, as [`files`](crate::sinks::files) does.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::{Json, Source, sinks};
/// use serde_json::json;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("people.csv");
/// let source = Source::new();
/// source.stream().sink(sinks::csv(&path).columns(["name", "height"]));
/// source.emit(Json(json!({ "height": 1.65, "name": "Ada" }))).await?;
/// source.emit(Json(json!(["Bo, jr.", null]))).await?;
/// source.close().await?;
/// assert_eq!(std::fs::read_to_string(path)?, "name,height\nAda,1.65\n\"Bo, jr.\",\n");
/// # Ok(()) }
/// ```
#[must_use]
pub fn csv(path: impl Into<PathBuf>) -> Csv {
    let rows = Rows { file: FileWriter::new(path.into()), delimiter: b',', columns: None, headed: None };
    Csv { rows, policy: FaultPolicy::stop() }
}

/// See [`csv()`].
pub struct Csv {
    rows: Rows,
    policy: FaultPolicy,
}

impl std::fmt::Debug for Csv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").field("path", &self.rows.file.path).finish_non_exhaustive()
    }
}

impl Csv {
    /// Sets the columns, and their order.
    #[must_use]
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.rows.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Writes another byte between fields, instead of a comma.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.rows.delimiter = delimiter;
        self
    }

    /// If `append`, keeps the contents of the file, whose first row names the columns. If they differ from
    /// [`columns`](Self::columns), the run fails and nothing is written.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.rows.file.append = append;
        self
    }

    /// Says what happens to a record that does not fit the columns. By default the run ends.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl<T: Record> Sink<T> for Csv {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(self.rows).on_fault(&self.policy));
    }
}

/// The file and its columns, once they are known.
struct Rows {
    file: FileWriter,
    delimiter: u8,
    columns: Option<Vec<String>>,
    /// Whether the file has a header, once that is known.
    headed: Option<bool>,
}

/// A record that can be a row.
enum Row<'a> {
    Object(IndexMap<String, &'a RawValue>),
    Array(Vec<&'a RawValue>),
}

impl<'a> Row<'a> {
    fn of(record: &'a [u8]) -> serde_json::Result<Self> {
        if record.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(record).map(Self::Array)
        } else {
            serde_json::from_slice(record).map(Self::Object)
        }
    }
}

impl Rows {
    /// Reads the file's header once, and returns whether it has one.
    fn is_headed(&mut self) -> Result<bool, Error> {
        if let Some(headed) = self.headed {
            return Ok(headed);
        }
        let found = if self.file.append { self.header()? } else { None };
        let headed = *self.headed.insert(found.is_some());
        let Some(found) = found else { return Ok(headed) };
        match &self.columns {
            Some(columns) if *columns != found => {
                let message = format!("its columns are {}, not {}", found.join(", "), columns.join(", "));
                Err(self.unwritable(io::Error::new(io::ErrorKind::InvalidData, message)))
            }
            _ => {
                self.file.head =
                    line(Vec::new(), self.delimiter, &found).map_err(|error| self.unwritable(error))?;
                self.columns = Some(found);
                Ok(headed)
            }
        }
    }

    /// The first row of the file, if it exists.
    fn header(&self) -> Result<Option<Vec<String>>, Error> {
        let path = &self.file.path;
        // Pipes and devices have none.
        if !path.metadata().is_ok_and(|known| known.is_file() && known.len() > 0) {
            return Ok(None);
        }
        let reader = ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).from_path(path);
        let mut row = StringRecord::new();
        let read = reader.and_then(|mut reader| reader.read_record(&mut row));
        let found =
            read.map_err(|error| self.unwritable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        Ok(found.then(|| row.iter().map(str::to_owned).collect()))
    }

    fn unwritable(&self, error: io::Error) -> Error {
        Error::File(FileError::Write { path: self.file.path.clone(), source: Arc::new(error) })
    }

    fn write(&mut self, record: &[u8]) -> Result<(), Refusal> {
        let headed = self.is_headed()?;
        let row = Row::of(record).map_err(|_| Refusal::fault("it is neither a JSON object nor an array"))?;
        let named = self.columns.is_some();
        let columns = self.columns.take().or_else(|| match &row {
            Row::Object(object) => Some(object.keys().cloned().collect()),
            Row::Array(_) => None,
        });
        let columns = columns
            .ok_or_else(|| Refusal::fault("the first record is not an object, and no columns are given"))?;
        let values = match fields(row, &columns) {
            Ok(values) => values,
            Err(refusal) => {
                // Only a record that is written decides what the columns are.
                self.columns = Some(columns).filter(|_| named);
                return Err(refusal);
            }
        };
        let columns = &*self.columns.insert(columns);
        let mut header = Vec::new();
        if !headed {
            header = line(header, self.delimiter, columns).map_err(|error| unfit(&error))?;
            self.file.head.clone_from(&header);
        }
        let bytes = line(header, self.delimiter, &values).map_err(|error| unfit(&error))?;
        self.file.write(&bytes)?;
        self.headed = Some(true);
        Ok(())
    }
}

/// Adds a line to others.
fn line(lines: Vec<u8>, delimiter: u8, fields: &[String]) -> io::Result<Vec<u8>> {
    let mut options = WriterBuilder::new();
    let mut writer = options.delimiter(delimiter).terminator(Terminator::Any(b'\n')).from_writer(lines);
    writer.write_record(fields)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn unfit(error: &io::Error) -> Refusal {
    Refusal::fault(error.to_string())
}

/// A row's fields, in the order of the columns.
fn fields(row: Row, columns: &[String]) -> Result<Vec<String>, Refusal> {
    let values = match row {
        Row::Array(values) if values.len() != columns.len() => {
            let message = format!("it has {} values, and there are {} columns", values.len(), columns.len());
            return Err(Refusal::fault(message));
        }
        Row::Array(values) => values,
        Row::Object(mut object) => {
            let values = columns.iter().map(|name| {
                let value = object.swap_remove(name);
                value.ok_or_else(|| Refusal::fault(format!("it has no {name:?}")))
            });
            let values = values.collect::<Result<_, _>>()?;
            if let Some(name) = object.keys().next() {
                return Err(Refusal::fault(format!("there is no column for {name:?}")));
            }
            values
        }
    };
    values.into_iter().map(field).collect()
}

fn field(value: &RawValue) -> Result<String, Refusal> {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'n') => Ok(String::new()),
        Some(b'"') => serde_json::from_str(json)
            .map_err(|error| Refusal::fault(format!("a string in it is not valid: {error}"))),
        _ => Ok(json.to_owned()),
    }
}

impl Consumer<Records> for Rows {
    async fn take(&mut self, records: Records) -> Result<(), Refusal> {
        for (index, record) in records.iter().enumerate() {
            if let Err(refusal) = self.write(record) {
                if matches!(refusal, Refusal::Fault { .. }) {
                    self.file.taken(index);
                }
                return Err(refusal.at(index));
            }
        }
        self.file.taken(records.len());
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.file.flush()
    }

    async fn end(&mut self) -> Result<(), Error> {
        if !self.is_headed()?
            && let Some(columns) = &self.columns
        {
            self.file.head =
                line(Vec::new(), self.delimiter, columns).map_err(|error| self.unwritable(error))?;
            self.file.write(&self.file.head.clone())?;
        }
        self.file.end()
    }

    fn unwritten(&mut self) -> usize {
        self.file.unwritten()
    }

    async fn note_output(&mut self) -> Result<Option<OutputState>, Error> {
        self.file.note()
    }

    async fn resume_output(&mut self, output: OutputState) -> Result<(), Error> {
        self.file.resume(&output)?;
        // Its first row names the columns.
        self.file.append = true;
        Ok(())
    }

    fn name(&self) -> &str {
        "csv"
    }
}
