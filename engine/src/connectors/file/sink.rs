//! Records written to files, each with a newline or another separator behind it.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::connectors::support::file_writer::FileWriter;
use crate::graph::{Sink, Stream};
use crate::record::Record;

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
    Files { file: FileWriter::new(path.into()) }
}

/// See [`files`].
pub struct Files {
    file: FileWriter,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("path", &self.file.path).finish_non_exhaustive()
    }
}

impl Files {
    /// The same with another byte after each record.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.file.separator = separator;
        self
    }

    /// The same; if `append`, what is in the file already stays. A last record that is not ended is, before the
    /// first one is written.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.file.append = append;
        self
    }

    /// The same; if `gzip`, what is written is compressed. A file that is appended to is read once from its start;
    /// if what it has is cut off, or no gzip, nothing is written.
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.file.gzip = gzip;
        self
    }

    /// The same, but a file has so many bytes at most, before they are compressed, unless a single record is
    /// longer. Then it is renamed from `log` to `log.1`, that one to `log.2` and so on, and a new one is begun:
    /// between two records. See [`keep`](Self::keep).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engine::{Source, sinks};
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("log");
    /// let source = Source::new();
    /// source.stream().sink(sinks::files(&path).rotate_at(8).keep(1));
    /// for line in ["one", "two", "three"] {
    ///     source.emit(line.to_owned()).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("log.1"))?, "one\ntwo\n");
    /// assert_eq!(std::fs::read_to_string(path)?, "three\n");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rotate_at(mut self, bytes: u64) -> Self {
        self.file.rotation.size = Some(bytes);
        self
    }

    /// The same, but a file that was begun this long ago is followed by another when the next record comes.
    #[must_use]
    pub fn rotate_every(mut self, interval: Duration) -> Self {
        self.file.rotation.after = Some(interval);
        self
    }

    /// The same; so many files are kept besides the one that is written to. None by default: it is emptied
    /// each time.
    #[must_use]
    pub fn keep(mut self, files: usize) -> Self {
        self.file.rotation.keep = files;
        self
    }
}

impl<T: Record> Sink<T> for Files {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(self));
    }
}

impl Consumer<Records> for Files {
    async fn take(&mut self, mut records: Records) -> Result<(), Refusal> {
        if !self.file.rotates() {
            return Ok(self.file.write(&records.ended_by(self.file.separator))?);
        }
        // What has a newline in it is a single record all the same.
        let sizes: Vec<_> = records.iter().map(|record| record.len() + 1).collect();
        let bytes = records.ended_by(self.file.separator);
        let mut rest = &*bytes;
        for size in sizes {
            let (record, others) = rest.split_at(size);
            self.file.write(record)?;
            rest = others;
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.file.flush()
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.file.end()
    }

    fn name(&self) -> &str {
        "files"
    }
}
