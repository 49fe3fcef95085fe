//! Errors about files that can't be read.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::Error;
use crate::error::{FileError, InputError};

/// A file can't be read.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::File(FileError::Read { path: path.to_owned(), source: Arc::new(error) })
}

/// Adds the file to an error about an input.
pub(crate) fn naming(path: &Path, error: Error) -> Error {
    match error {
        Error::Input(InputError::Read { source, .. }) => {
            Error::File(FileError::Read { path: path.to_owned(), source })
        }
        Error::Input(InputError::Header { .. }) => {
            unreadable(path, io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
        }
        error => error,
    }
}
