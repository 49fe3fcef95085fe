//! Files of dead letters, which nodes share.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::policy::{DeadLetter, DeadLetters, InputPosition};
use crate::{Error, Progress};

/// A file of dead letters, which is made once all is found right.
#[derive(Clone)]
pub(crate) struct DeadLetterFile {
    pub(crate) path: PathBuf,
    file: Arc<OnceLock<DeadLetters>>,
    put: Arc<AtomicU64>,
    positions: InputPositions,
}

impl DeadLetterFile {
    pub(crate) fn new(path: PathBuf, positions: InputPositions) -> Self {
        Self { path, file: Arc::default(), put: Arc::default(), positions }
    }

    /// Begins to write at the end of the file, which is open already.
    pub(crate) fn begin(&self, file: File) -> Result<(), Error> {
        self.file.get_or_init(|| DeadLetters::to(file, &self.path));
        Ok(())
    }

    /// Puts a record aside, if the file is open already.
    pub(crate) fn put(&self, letter: &DeadLetter) -> Result<(), Error> {
        let Some(file) = self.file.get() else { return Ok(()) };
        self.put.fetch_add(1, Relaxed);
        file.put(letter, self.positions.position(letter.fault.record).as_ref())
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.file.get().map_or(Ok(()), DeadLetters::flush)
    }

    /// How many records were put there.
    pub(crate) fn count(&self) -> u64 {
        self.put.load(Relaxed)
    }
}

/// Where records of the only source stand in their inputs.
#[derive(Clone, Default)]
pub(crate) struct InputPositions(Arc<OnceLock<Progress>>);

impl InputPositions {
    pub(crate) fn set_source(&self, source: Progress) {
        self.0.get_or_init(|| source);
    }

    pub(crate) fn position(&self, record: u64) -> Option<InputPosition> {
        self.0.get()?.position(record)
    }
}
