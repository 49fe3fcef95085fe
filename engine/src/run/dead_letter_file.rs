//! Files of dead letters: each is opened when the run begins, and several nodes may share one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Deserialize;

use super::diverted::DivertedRecords;
use super::output_file::unwritable;
use crate::files::{self, Mode};
use crate::policy::{DeadLetter, DeadLetters, InputPosition};
use crate::progress::Checkpoint;
use crate::{Error, FaultPolicy, Progress};

/// A file of dead letters.
#[derive(Clone)]
pub(crate) struct DeadLetterFile {
    pub(crate) path: PathBuf,
    letters: Arc<OnceLock<DeadLetters>>,
    put: Arc<Mutex<DivertedRecords>>,
    positions: InputPositions,
    /// A record is put there once, whatever number of its pieces fail: a letter has the whole record.
    is_whole: bool,
}

/// What is read of a line of the file.
#[derive(Deserialize)]
struct Line {
    number: u64,
}

impl DeadLetterFile {
    pub(crate) fn new(path: PathBuf, positions: InputPositions) -> Self {
        Self { path, letters: Arc::default(), put: Arc::default(), positions, is_whole: false }
    }

    /// The same for the records of one source, each of which is put aside as a whole.
    pub(super) fn of_whole_records(mut self) -> Self {
        self.is_whole = true;
        self
    }

    /// The policy that puts records aside there.
    pub(crate) fn policy(&self) -> FaultPolicy {
        let (file, flushed) = (self.clone(), self.clone());
        FaultPolicy::divert(move |letter| file.put(&letter))
            .flushed_by(move || flushed.flush())
            .kept_in(&self.path)
    }

    /// Opens the file, and leaves it as it is.
    pub(super) fn open(&self, start: Option<&Checkpoint>) -> Result<File, Error> {
        let mode = if start.is_some() { Mode::ReadAndKeep } else { Mode::ReadAndAppend };
        files::create(&self.path, mode, &|| false).map_err(|error| unwritable(&self.path, error))
    }

    /// Begins to write at the end of the file, which is open already. What a checkpoint does not count is cut off.
    pub(super) fn begin(&self, file: File, start: Option<&Checkpoint>) -> Result<(), Error> {
        let begun = self.begun(file, start).map_err(|error| unwritable(&self.path, error))?;
        self.letters.get_or_init(|| begun);
        Ok(())
    }

    fn begun(&self, mut file: File, start: Option<&Checkpoint>) -> io::Result<DeadLetters> {
        if let Some((start, letters)) = start.and_then(|start| Some((start, start.letters.as_ref()?))) {
            if start.record > 0 {
                self.know(files::open_file(&self.path)?, start.letters_from..letters.length, start.record)?;
            }
            let known = file.metadata()?;
            if known.is_file() {
                // One byte more is the newline that a last line lacks, and gets.
                file.set_len(letters.length.min(known.len()))?;
                file.seek(SeekFrom::Start(letters.length))?;
            }
        }
        Ok(match start {
            Some(_) => DeadLetters::counted(file, &self.path),
            None => DeadLetters::to(file, &self.path),
        })
    }

    /// The run that this one continues put records aside that this one gets to again: in these bytes of the file,
    /// those after `record`.
    fn know(&self, mut file: File, bytes: Range<u64>, record: u64) -> io::Result<()> {
        let mut put = self.lock();
        file.seek(SeekFrom::Start(bytes.start))?;
        for line in BufReader::new(file.take(bytes.end.saturating_sub(bytes.start))).lines() {
            if let Ok(Line { number }) = serde_json::from_str(&line?)
                && number > record
            {
                put.before += u64::from(put.insert(number));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, DivertedRecords> {
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record aside, if the file is open already.
    fn put(&self, letter: &DeadLetter) -> Result<(), Error> {
        let Some(letters) = self.letters.get() else { return Ok(()) };
        let record = letter.fault.record;
        if self.is_whole && !self.lock().insert(record) {
            return Ok(());
        }
        letters.put(letter, self.positions.position(record).as_ref())
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.letters.get().map_or(Ok(()), DeadLetters::flush)
    }

    /// Writes everything out, and makes the file again if its path does not lead to it any more.
    pub(super) fn follow_path(&self) -> Result<(), Error> {
        self.letters.get().map_or(Ok(()), DeadLetters::follow_path)
    }

    /// Writes everything out, and returns when it is on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.letters.get().map_or(Ok(()), DeadLetters::sync)
    }

    /// All records up to this one have left the graph. Returns how many of them were put aside.
    pub(super) fn settle(&self, record: u64) -> u64 {
        self.lock().settle(record)
    }

    /// How many records are there by now, with those of the run that this one continues that this one gets to again.
    pub(crate) fn count(&self) -> u64 {
        self.lock().before + self.letters.get().map_or(0, DeadLetters::count)
    }

    /// How many bytes were put there.
    pub(super) fn written(&self) -> u64 {
        self.letters.get().map_or(0, DeadLetters::written)
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
