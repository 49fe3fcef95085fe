//! Output files, which stay as they are until the whole pipeline is found right.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::Error;

/// A file that is to be opened when the run begins.
pub(super) struct Opening {
    pub(super) path: PathBuf,
    pub(super) append: bool,
    pub(super) file: Late,
}

impl Opening {
    /// Opens the file, and leaves it as it is.
    pub(super) fn open(&self) -> Result<File, Error> {
        open(&self.path, self.append)
    }

    /// Empties it, if it is to be, and begins to write.
    pub(super) fn begin(&self, file: File) -> Result<(), Error> {
        if !self.append {
            empty(&file, &self.path)?;
        }
        self.file.0.get_or_init(|| file);
        Ok(())
    }
}

pub(super) fn open(path: &Path, append: bool) -> Result<File, Error> {
    let opened = File::options().create(true).append(append).write(true).truncate(false).open(path);
    opened.map_err(|error| unwritable(path, error))
}

pub(super) fn empty(file: &File, path: &Path) -> Result<(), Error> {
    // A device or a pipe has no length.
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        file.set_len(0).map_err(|error| unwritable(path, error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source: Arc::new(error) }
}

/// The file, once it is open.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<OnceLock<File>>);

impl Late {
    fn file(&self) -> io::Result<&File> {
        self.0.get().ok_or_else(|| io::Error::other("it is not open yet"))
    }
}

impl Write for Late {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}
