//! Records written to a file, each with a newline or another separator behind it.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Consumer, Records, Refusal, Sink, records};
use crate::Error;
use crate::record::Record;
use crate::stream::Stream;

/// A sink that writes records to a file, each followed by a newline. The file is made, or emptied, when the first
/// record comes; at the end, if none came.
///
/// What is at hand is written as soon as nothing more is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::{Source, sinks};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers");
/// let source = Source::new();
/// source.stream().sink(sinks::files(&path));
/// source.emit(1).await?;
/// source.emit(2).await?;
/// source.close().await?;
/// assert_eq!(std::fs::read_to_string(path)?, "1\n2\n");
/// # Ok(()) }
/// ```
#[must_use]
pub fn files(path: impl Into<PathBuf>) -> Files {
    Files { path: path.into(), separator: b'\n', append: false }
}

/// See [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    path: PathBuf,
    separator: u8,
    append: bool,
}

impl Files {
    /// The same with another byte behind each record.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// The same, but what is in the file already stays.
    #[must_use]
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }
}

impl<T: Record> Sink<T> for Files {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(Writer { files: self, file: None }));
    }
}

/// The file, once it is open.
struct Writer {
    files: Files,
    file: Option<BufWriter<File>>,
}

impl Writer {
    fn open(&self) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true);
        if self.files.append {
            options.append(true)
        } else {
            options.write(true).truncate(true)
        };
        options.open(&self.files.path)
    }

    fn write(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<(), Error> {
        let opened = match self.file.take() {
            Some(file) => Ok(file),
            None => self.open().map(|file| BufWriter::with_capacity(128 << 10, file)),
        };
        let written = opened.and_then(|file| act(self.file.insert(file)));
        written.map_err(|error| Error::Write { path: self.files.path.clone(), source: Arc::new(error) })
    }
}

impl Consumer<Records> for Writer {
    async fn take(&mut self, mut records: Records) -> Result<(), Refusal> {
        let separator = self.files.separator;
        Ok(self.write(|file| file.write_all(&records.ended_by(separator)))?)
    }

    async fn pause(&mut self) -> Result<(), Error> {
        if self.file.is_some() { self.write(Write::flush) } else { Ok(()) }
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.write(Write::flush)
    }

    fn name(&self) -> &str {
        "files"
    }
}
