//! A file can't be read or written, or is not what it should be.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::text::path as shown;

/// A file can't be read or written, or is not what it should be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file can't be read.
    #[error("can't read {}", shown(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The file can't be written.
    #[error("can't write {}", shown(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The file is not a checkpoint.
    #[error("{} can't be read as a checkpoint: {reason}", shown(path))]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file can't be used, since the run uses it for something else.
    #[error("{reason}")]
    InUse {
        /// What was to be done with the file, and what uses it.
        reason: String,
    },
    /// The file has no positions in files that were read.
    #[error(
        "{} has no positions to continue from: {reason}: remove it to read all files from their start",
        shown(path)
    )]
    NoPositions {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern for file names is malformed.
    #[error("{pattern:?} is not a pattern for file names")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
