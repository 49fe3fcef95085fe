//! Output files, which stay as they are until the run begins.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::Error;
use crate::error::FileError;
use crate::files::{Mode, PlacedFile, create, lock, write_at_end};

/// A file that is opened when the run begins: made, or emptied, before anything is written.
#[derive(Clone)]
pub(crate) struct OutputFile {
    path: Arc<Path>,
    writer: WrittenFor,
    /// Whether no other run may write to it meanwhile.
    locks: bool,
    /// Whether it is a regular file, once it is open: writing to it does not block.
    is_regular: Arc<OnceLock<bool>>,
    /// A regular file is closed when the run ends, and others when all clones are gone: a pipe's reader would take a close
    /// for its end.
    file: Arc<Mutex<Phase>>,
}

/// What writes the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WrittenFor {
    Run,
    /// A node, which opens it once more.
    Node,
    /// A node that appends, as other runs may.
    AppendingNode,
}

/// How far the file is.
enum Phase {
    Waiting,
    Open(PlacedFile),
    Ended,
}

/// What the files of a run begin with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    /// How much of a file stays that the run itself writes. None if all of it.
    pub(super) kept: Option<u64>,
    /// Whether nodes cut their files back by themselves.
    pub(super) nodes_keep: bool,
    /// Whether a checkpoint counts the bytes that the run itself writes.
    pub(super) is_counted: bool,
}

impl OutputFile {
    /// A file that the run itself writes.
    pub(super) fn new(path: &Path) -> Self {
        Self::written_for(WrittenFor::Run, path, true)
    }

    /// A file that a node opens once more and writes.
    pub(crate) fn of_node(path: &Path, append: bool) -> Self {
        let writer = if append { WrittenFor::AppendingNode } else { WrittenFor::Node };
        // Elsewhere a lock keeps the node out too.
        Self::written_for(writer, path, !append && cfg!(unix))
    }

    fn written_for(writer: WrittenFor, path: &Path, locks: bool) -> Self {
        let file = Arc::new(Mutex::new(Phase::Waiting));
        Self { path: path.into(), writer, locks, is_regular: Arc::default(), file }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file, and leaves it as it is.
    ///
    /// # Errors
    ///
    /// If that is not possible, or another run writes to the file.
    pub(super) fn open(&self, interrupted: &dyn Fn() -> bool) -> Result<File, Error> {
        let mode = if self.writer == WrittenFor::AppendingNode { Mode::Append } else { Mode::Keep };
        let opened = create(&self.path, mode, interrupted);
        let locked = opened.and_then(|file| if self.locks { lock(&file).map(|()| file) } else { Ok(file) });
        locked.map_err(|error| unwritable(&self.path, error))
    }

    /// Cuts it to what stays of it, and holds it open.
    pub(super) fn begin(&self, file: File, beginning: Beginning) -> Result<(), Error> {
        // A device or a pipe has no length.
        let is_regular = file.metadata().is_ok_and(|known| known.is_file());
        self.is_regular.get_or_init(|| is_regular);
        if is_regular {
            self.cut(&file, beginning).map_err(|error| unwritable(&self.path, error))?;
        }
        let mut file = PlacedFile::new(&self.path, file);
        if self.locks {
            file = file.locked();
        }
        if beginning.is_counted {
            file = file.counted();
        }
        *self.lock() = Phase::Open(file);
        Ok(())
    }

    fn cut(&self, file: &File, beginning: Beginning) -> io::Result<()> {
        let kept = match self.writer {
            WrittenFor::Run => beginning.kept,
            WrittenFor::Node => Some(0).filter(|_| !beginning.nodes_keep),
            WrittenFor::AppendingNode => None,
        };
        kept.map_or(Ok(()), |bytes| file.set_len(bytes))?;
        write_at_end(file)
    }

    /// Whether it is open, and writing to it does not block.
    pub(super) fn is_regular(&self) -> bool {
        self.is_regular.get().copied().unwrap_or_default()
    }

    /// The run has ended: other runs may write to a regular file now. If the run itself has written it, makes sure that
    /// the path leads to it.
    pub(super) fn end(&self) -> Result<(), Error> {
        if !self.is_regular() {
            return Ok(());
        }
        match std::mem::replace(&mut *self.lock(), Phase::Ended) {
            Phase::Open(mut file) if self.writer == WrittenFor::Run => {
                file.follow_path().map_err(|error| unwritable(&self.path, error))
            }
            _ => Ok(()),
        }
    }

    /// Makes the file again if its path does not lead to it any more.
    pub(super) fn follow_path(&self) -> Result<(), Error> {
        match &mut *self.lock() {
            Phase::Open(file) => file.follow_path().map_err(|error| unwritable(&self.path, error)),
            Phase::Waiting | Phase::Ended => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when everything that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        match &*self.lock() {
            Phase::Open(file) => file.sync().map_err(|error| unwritable(&self.path, error)),
            Phase::Waiting | Phase::Ended => Ok(()),
        }
    }

    /// Writes to the file, while it is open.
    pub(super) fn writer(&self) -> impl Write + Send + use<> {
        OutputWriter(self.clone())
    }
}

struct OutputWriter(OutputFile);

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Phase::Open(file) => file.write(bytes),
            Phase::Waiting => Err(io::Error::other("the run has not begun")),
            Phase::Ended => Err(io::Error::other("the run has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.lock() {
            Phase::Open(file) => file.flush(),
            Phase::Waiting | Phase::Ended => Ok(()),
        }
    }
}

pub(super) fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
}
