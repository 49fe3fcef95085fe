//! A file can't be read or written, or is not what it should be.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::text::path as shown;

/// A file can't be read or written, or is not what it should be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file can't be read.
    #[error("can't read {}", shown(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A file can't be written.
    #[error("can't write {}", shown(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A file is no checkpoint.
    #[error("{} is no checkpoint: {reason}", shown(path))]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of names is none.
    #[error("{pattern:?} is no pattern of names")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
