//! What the command line says about faults: the policy, and the file of dead letters.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use engine::checkpoint::Checkpoint;
use engine::policy::{DeadLetter, DeadLetters, InputPosition, Unit};
use engine::{Error, FaultPolicy, files};
use serde::Deserialize;

use super::args::OnFault;

/// Flags about records that functions fail for.
#[derive(clap::Args)]
#[command(next_help_heading = "Faults")]
pub(crate) struct Faults {
    /// What a fault does: stop ends the run, skip drops the record, divert=FILE puts it aside in a file as
    /// a dead letter, one line of JSON
    #[arg(long, value_name = "stop|skip|divert=FILE", default_value = "stop", hide_default_value = false)]
    on_fault: OnFault,
    /// Try a record again this many times at most if its function says that it may succeed later: after
    /// 100 ms, then after twice the last wait each time, up to 10 s
    #[arg(long, value_name = "N", default_value = "0")]
    retries: u32,
    /// End the run if there are more faults than this [default: no limit]
    #[arg(long, value_name = "N")]
    max_faults: Option<u64>,
    /// Run the records of dead letters again: the inputs are files that --on-fault divert wrote
    #[arg(long, alias = "letters")]
    pub(crate) dead_letters: bool,
}

/// Where inputs began, so that a record's number tells its position.
#[derive(Clone, Default)]
pub(crate) struct InputPositions(Arc<Mutex<InputStarts>>);

#[derive(Default)]
struct InputStarts {
    /// With the number of its first record.
    inputs: Vec<(Arc<str>, u64)>,
    /// The last of them was begun by another run, and goes on.
    goes_on: bool,
}

impl InputPositions {
    /// An input begins with the record `first`, or did so in the run before. Returns that record.
    pub(crate) fn begin(&self, input: &Path, first: u64) -> u64 {
        let mut begun = self.lock();
        if std::mem::take(&mut begun.goes_on)
            && let Some((_, first)) = begun.inputs.last()
        {
            return *first;
        }
        begun.inputs.push((shown(input), first));
        first
    }

    fn lock(&self) -> MutexGuard<'_, InputStarts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inputs that another run began.
    pub(crate) fn resume(&self, start: &Checkpoint) {
        let mut begun = self.lock();
        let inputs = start.inputs.iter().take(start.input + 1);
        begun.inputs.extend(inputs.filter_map(|input| Some((shown(&input.path), input.first?))));
        begun.goes_on = start.record > 0;
    }

    /// Where a record stands.
    pub(crate) fn find(&self, record: u64) -> Option<InputPosition> {
        let begun = self.lock();
        let (input, first) = begun.inputs.iter().rev().find(|(_, first)| *first <= record)?;
        Some(InputPosition::new(input.clone(), Unit::Line, record + 1 - first))
    }
}

fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

/// The file of dead letters, which is made only after everything else was found right.
#[derive(Clone, Default)]
pub(crate) struct DeadLetterFile {
    file: Arc<OnceLock<DeadLetters>>,
    diverted: Arc<Mutex<DivertedRecords>>,
}

/// What was put there.
#[derive(Default)]
struct DivertedRecords {
    /// How many records.
    count: u64,
    /// Those that may come again, in other pieces or from a run that repeats another one.
    known: BTreeSet<u64>,
    /// How many others there were.
    done: u64,
}

/// Records that are known to have been put aside, at most.
const MOST_KNOWN: usize = 1 << 18;

impl DivertedRecords {
    /// Notes a record. False if it is known.
    fn insert(&mut self, record: u64) -> bool {
        let new = self.known.insert(record);
        self.count += u64::from(new);
        if self.known.len() > MOST_KNOWN {
            self.known.pop_first();
            self.done += 1;
        }
        new
    }
}

/// What is read of a line of the file.
#[derive(Deserialize)]
struct Line {
    number: u64,
}

impl DeadLetterFile {
    fn put(&self, letter: &DeadLetter, positions: &InputPositions) -> Result<(), Error> {
        let Some(file) = self.file.get() else { return Ok(()) };
        let mut diverted = self.lock();
        let record = letter.fault.record;
        // Of a record in several pieces, which is there as a whole.
        if !diverted.insert(record) {
            return Ok(());
        }
        file.put(letter, positions.find(record).as_ref())
    }

    fn lock(&self) -> MutexGuard<'_, DivertedRecords> {
        self.diverted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All records up to this one have left the graph. Returns how many of them were put aside.
    pub(crate) fn settle(&self, record: u64) -> u64 {
        let mut diverted = self.lock();
        let ahead = diverted.known.split_off(&(record + 1));
        diverted.done += std::mem::replace(&mut diverted.known, ahead).len() as u64;
        diverted.done
    }

    /// The run that this one goes on from put records aside that this one gets to again: in these bytes of the
    /// file, those behind `record`.
    fn know(&self, mut file: File, bytes: Range<u64>, record: u64) -> io::Result<()> {
        let mut diverted = self.lock();
        file.seek(SeekFrom::Start(bytes.start))?;
        for line in BufReader::new(file.take(bytes.end.saturating_sub(bytes.start))).lines() {
            if let Ok(Line { number }) = serde_json::from_str(&line?)
                && number > record
            {
                diverted.insert(number);
            }
        }
        Ok(())
    }

    /// How many records were put there, by this run or behind where it begins.
    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    /// How many bytes were put there.
    pub(crate) fn written(&self) -> u64 {
        self.file.get().map_or(0, DeadLetters::written)
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.file.get().map_or(Ok(()), DeadLetters::flush)
    }
}

impl Faults {
    /// The policy of all functions.
    pub(crate) fn policy(
        &self,
        dead_letters: &DeadLetterFile,
        positions: &InputPositions,
        known: Option<&Checkpoint>,
    ) -> FaultPolicy {
        let policy = match &self.on_fault {
            OnFault::Stop => FaultPolicy::stop(),
            OnFault::Skip => FaultPolicy::skip(),
            OnFault::Divert(_) => {
                let (file, positions) = (dead_letters.clone(), positions.clone());
                FaultPolicy::divert(move |letter| file.put(&letter, &positions))
            }
        };
        let (faults, record) = known.map_or((0, 0), |known| (known.faults, known.record));
        let policy = policy.retries(self.retries).after_faults(faults).after_record(record);
        self.max_faults.map_or(policy.clone(), |most| policy.max_faults(most))
    }

    /// Whether records are left out and nothing tells which.
    pub(crate) fn skips(&self) -> bool {
        matches!(self.on_fault, OnFault::Skip)
    }

    /// The file that records are put aside in.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.on_fault {
            OnFault::Divert(path) => Some(path),
            OnFault::Stop | OnFault::Skip => None,
        }
    }

    /// Makes the file, goes on at its end, or cuts it to what a checkpoint says of it. Returns a second handle to it.
    pub(crate) fn create(
        &self,
        dead_letters: &DeadLetterFile,
        start: Option<&Checkpoint>,
    ) -> anyhow::Result<Option<File>> {
        let Some(path) = self.file() else { return Ok(None) };
        let known = start.and_then(|start| Some(start.letters.as_ref()?.length));
        // Another run's dead letters stay.
        let keep = known.unwrap_or_else(|| path.metadata().map_or(0, |metadata| metadata.len()));
        let create = || {
            if let Some(start) = start.filter(|start| start.record > 0) {
                dead_letters.know(files::open_file(path)?, start.letters_from..keep, start.record)?;
            }
            let mut file = files::create(path, files::Mode::ReadAndKeep, &|| false)?;
            let known = file.metadata()?;
            if known.is_file() {
                // One byte more is the newline that a last line lacks, and gets.
                file.set_len(keep.min(known.len()))?;
                file.seek(SeekFrom::Start(keep))?;
            }
            let other = file.try_clone()?;
            dead_letters.file.get_or_init(|| DeadLetters::to(file, path));
            io::Result::Ok(other)
        };
        create().map(Some).with_context(|| format!("can't write {}", path.display()))
    }
}
