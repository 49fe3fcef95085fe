//! What the command line says about faults: the policy, and the file of dead letters.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use engine::{Checkpoint, DeadLetter, DeadLetters, Error, FaultPolicy, Place};

use super::args::OnFault;
use super::exit::Ending;

/// Flags about records that functions fail for.
#[derive(clap::Args)]
#[command(next_help_heading = "Faults")]
pub(crate) struct Faults {
    /// What becomes of a record that a function fails for: stop ends the run, skip leaves the record
    /// out, divert=FILE puts it aside as a line of JSON
    #[arg(long, value_name = "stop|skip|divert=FILE", default_value = "stop", hide_default_value = false)]
    on_fault: OnFault,
    /// Give a record again that its function says may succeed later, so many times at most, after
    /// 100 ms, 200 ms and so on
    #[arg(long, value_name = "N", default_value = "0")]
    retries: u32,
    /// One fault more than this ends the run [default: no limit]
    #[arg(long, value_name = "N")]
    max_faults: Option<u64>,
    /// The inputs are files of --on-fault divert: run their records again
    #[arg(long)]
    pub(crate) letters: bool,
}

/// Where inputs began, so that a record's number tells its place.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Begun>>);

#[derive(Default)]
struct Begun {
    /// With the number of its first record.
    inputs: Vec<(Arc<str>, u64)>,
    /// The last of them was begun by another run, and goes on.
    goes_on: bool,
}

impl Places {
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

    fn lock(&self) -> MutexGuard<'_, Begun> {
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
    pub(crate) fn find(&self, record: u64) -> Option<Place> {
        let begun = self.lock();
        let (input, first) = begun.inputs.iter().rev().find(|(_, first)| *first <= record)?;
        Some(Place { input: input.clone(), line: record + 1 - first })
    }
}

fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

/// The file of dead letters, which is made only after everything else was found right.
#[derive(Clone, Default)]
pub(crate) struct Letters {
    file: Arc<OnceLock<DeadLetters>>,
    /// The last record that was put there, and how many were.
    put: Arc<Mutex<(u64, u64)>>,
}

impl Letters {
    fn put(&self, letter: &DeadLetter, places: &Places) -> Result<(), Error> {
        let Some(file) = self.file.get() else { return Ok(()) };
        let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        let record = letter.fault.record;
        // Of a record in several pieces, which is there as a whole.
        if put.0 == record {
            return Ok(());
        }
        *put = (record, put.1 + 1);
        file.put(letter, places.find(record).as_ref())
    }

    /// How many records were put there.
    pub(crate) fn count(&self) -> u64 {
        self.put.lock().unwrap_or_else(PoisonError::into_inner).1
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
    pub(crate) fn policy(&self, letters: &Letters, places: &Places, faults_before: u64) -> FaultPolicy {
        let policy = match &self.on_fault {
            OnFault::Stop => FaultPolicy::stop(),
            OnFault::Skip => FaultPolicy::skip(),
            OnFault::Divert(_) => {
                let (letters, places) = (letters.clone(), places.clone());
                FaultPolicy::divert(move |letter| letters.put(&letter, &places))
            }
        };
        let policy = policy.retries(self.retries).after_faults(faults_before);
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

    /// How a run ends in which so many records were put aside.
    pub(crate) fn ending(&self, ending: Ending, records: u64) -> Ending {
        match (ending, self.file()) {
            (Ending::Done, Some(file)) if records > 0 => Ending::PutAside { records, file: file.to_owned() },
            (ending, _) => ending,
        }
    }

    /// Makes the file, or cuts it to the first `keep` bytes. Returns a second handle to it.
    pub(crate) fn create(&self, letters: &Letters, keep: u64) -> anyhow::Result<Option<File>> {
        let Some(path) = self.file() else { return Ok(None) };
        let create = || {
            let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
            if file.metadata()?.is_file() {
                file.set_len(keep)?;
                file.seek(SeekFrom::Start(keep))?;
            }
            let other = file.try_clone()?;
            letters.file.get_or_init(|| DeadLetters::to(file, path));
            std::io::Result::Ok(other)
        };
        create().map(Some).with_context(|| format!("can't write {}", path.display()))
    }
}
