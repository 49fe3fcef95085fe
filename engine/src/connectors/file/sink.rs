//! The sink `files`: writes records to a file, each followed by a newline or another separator.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::connectors::support::file_writer::FileWriter;
use crate::graph::{Sink, Stream};
use crate::progress::OutputState;
use crate::record::Record;

/// Writes each record to a file, followed by a newline. The file is created, or emptied, when the first record comes, or
/// at the end if none came.
///
/// Records are written as soon as no more are ready, and at the end; a close returns after that. They are handed to the
/// system, not synced to the disk. Writing blocks the thread.
///
/// If the file is removed, renamed or replaced meanwhile, it is made again at its path, and all records that are written
/// later are there. If something else empties it, records go to its new end.
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
    /// Writes another byte after each record, instead of a newline.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.file.separator = separator;
        self
    }

    /// If `append`, keeps the contents of the file, and writes after them. A last record without its end gets one first.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.file.append = append;
        self
    }

    /// If `gzip`, compresses the file. A file that is appended to is read once from its start: if it is cut off or not
    /// gzip, the run fails and nothing is written.
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.file.gzip = gzip;
        self
    }

    /// Begins a new file between two records when the file would have more than this many bytes before compression,
    /// unless a single record is longer. The file `log` is renamed to `log.1`, `log.1` to `log.2` and so on, up to the
    /// number that [`keep`](Self::keep) says.
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

    /// Begins a new file when a record comes and the file was begun this long ago.
    #[must_use]
    pub fn rotate_every(mut self, interval: Duration) -> Self {
        self.file.rotation.after = Some(interval);
        self
    }

    /// Keeps this many older files when a new file is begun. 0 by default: the file is emptied each time.
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
            let count = records.len();
            self.file.write(&records.ended_by(self.file.separator))?;
            self.file.taken(count);
            return Ok(());
        }
        // By their sizes, since records may contain newlines.
        let sizes: Vec<_> = records.iter().map(|record| record.len() + 1).collect();
        let bytes = records.ended_by(self.file.separator);
        let mut rest = &*bytes;
        // Records in the current file: those before it are written.
        let mut current = 0;
        for size in sizes {
            let (record, others) = rest.split_at(size);
            current = if self.file.write(record)? { 1 } else { current + 1 };
            rest = others;
        }
        self.file.taken(current);
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.file.flush()
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.file.end()
    }

    fn unwritten(&mut self) -> usize {
        self.file.unwritten()
    }

    async fn note_output(&mut self) -> Result<Option<OutputState>, Error> {
        self.file.note()
    }

    async fn resume_output(&mut self, output: OutputState) -> Result<(), Error> {
        self.file.resume(&output)
    }

    fn name(&self) -> &str {
        "files"
    }
}
