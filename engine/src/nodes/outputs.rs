//! Output files, which stay as they are until the whole pipeline is found right.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::error::FileError;
use crate::files::{Mode, create};

/// A file that is opened when the run begins: made, or emptied, before anything is written.
pub(crate) struct Opening {
    path: PathBuf,
    append: bool,
    /// A pipe stays open, since its reader would take a close for its end.
    pipe: OnceLock<File>,
}

impl Opening {
    pub(crate) fn new(path: &Path, append: bool) -> Self {
        Self { path: path.to_owned(), append, pipe: OnceLock::new() }
    }

    /// Opens the file, and leaves it as it is.
    pub(crate) fn open(&self) -> Result<File, Error> {
        open(&self.path, self.append)
    }

    /// Empties it, if it is to be. Who writes opens it by itself.
    pub(crate) fn begin(&self, file: File) -> Result<(), Error> {
        if !self.append {
            empty(&file, &self.path)?;
        }
        if !is_regular(&file) {
            self.pipe.get_or_init(|| file);
        }
        Ok(())
    }
}

pub(crate) fn open(path: &Path, append: bool) -> Result<File, Error> {
    let mode = if append { Mode::Append } else { Mode::Keep };
    let opened = create(path, mode, &|| false);
    opened.map_err(|error| unwritable(path, error))
}

/// A file of dead letters, whose end is looked at.
pub(crate) fn open_dead_letters(path: &Path) -> Result<File, Error> {
    let opened = create(path, Mode::ReadAndAppend, &|| false);
    opened.map_err(|error| unwritable(path, error))
}

pub(crate) fn empty(file: &File, path: &Path) -> Result<(), Error> {
    // A device or a pipe has no length.
    if is_regular(file) {
        file.set_len(0).map_err(|error| unwritable(path, error))?;
    }
    Ok(())
}

fn is_regular(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
}
