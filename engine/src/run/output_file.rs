//! Output files, which stay as they are until the run begins.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Error;
use crate::error::FileError;
use crate::files::{Mode, create};

/// A file that is opened when the run begins: made, or emptied, before anything is written.
#[derive(Clone)]
pub(crate) struct OutputFile {
    path: Arc<Path>,
    kept: Kept,
    /// Whether no other run may write to it meanwhile.
    locks: bool,
    /// Open until all clones are gone: a pipe's reader would take a close for its end, and a regular file is locked.
    file: Arc<Mutex<Option<File>>>,
}

/// What stays of the contents of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// This many bytes.
    First(u64),
    /// All; other runs may write after them too.
    All,
}

impl OutputFile {
    /// A file that the run itself writes, after this many bytes, which stay.
    pub(super) fn new(path: &Path, kept: u64) -> Self {
        Self { path: path.into(), kept: Kept::First(kept), locks: true, file: Arc::default() }
    }

    /// A file that a node opens once more and writes.
    pub(crate) fn of_node(path: &Path, append: bool) -> Self {
        let kept = if append { Kept::All } else { Kept::First(0) };
        // Elsewhere a lock keeps the node out too.
        let locks = !append && cfg!(unix);
        Self { path: path.into(), kept, locks, file: Arc::default() }
    }

    /// Opens the file, and leaves it as it is.
    ///
    /// # Errors
    ///
    /// If that is not possible, or another run writes to the file.
    pub(super) fn open(&self, interrupted: &dyn Fn() -> bool) -> Result<File, Error> {
        let mode = if self.kept == Kept::All { Mode::Append } else { Mode::Keep };
        let opened = create(&self.path, mode, interrupted);
        let file = opened.map_err(|error| unwritable(&self.path, error))?;
        // Devices are shared, and not every file system has locks.
        if self.locks && is_regular(&file) && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let taken = io::Error::other("another run writes it, and has not ended");
            return Err(unwritable(&self.path, taken));
        }
        Ok(file)
    }

    /// Cuts it to what stays of it, unless it is to stay as it `keeps`, and holds it open.
    pub(super) fn begin(&self, mut file: File, keeps: bool) -> Result<(), Error> {
        if let Kept::First(bytes) = self.kept
            && !keeps
            // A device or a pipe has no length.
            && is_regular(&file)
        {
            let cut = file.set_len(bytes).and_then(|()| file.seek(SeekFrom::Start(bytes)));
            cut.map_err(|error| unwritable(&self.path, error))?;
        }
        *self.lock() = Some(file);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when everything that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.lock().as_ref().map_or(Ok(()), |file| sync(file, &self.path))
    }

    /// Writes to the file, once it is open.
    pub(super) fn writer(&self) -> impl Write + Send + use<> {
        OutputWriter(self.clone())
    }
}

struct OutputWriter(OutputFile);

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Some(file) => file.write(bytes),
            None => Err(io::Error::other("the run has not begun")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().as_mut().map_or(Ok(()), Write::flush)
    }
}

fn is_regular(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

pub(super) fn sync(file: &File, path: &Path) -> Result<(), Error> {
    file.sync_data().map_err(|error| unwritable(path, error))
}

pub(super) fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
}
