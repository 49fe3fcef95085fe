//! What becomes of records that a node refuses, as the file says.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::Deserialize;

use super::diagnostic::Problem;
use super::options::Number;
use super::run::Places;
use crate::{DeadLetters, Error, FaultPolicy};

/// Options of all nodes that may refuse records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct FaultOptions {
    /// What becomes of a record that the node fails for: "stop" ends the run, "skip" leaves it out,
    /// { divert = "FILE" } puts it aside as a line of JSON.
    on_fault: Option<OnFault>,
    /// How often a record is given again whose function says that another try may succeed.
    retries: Option<Number>,
    /// One fault more than this ends the run.
    max_faults: Option<Number>,
}

/// What becomes of a record.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OnFault {
    /// The run ends.
    Stop,
    /// The record is left out.
    Skip,
    /// The record is put aside, in this file.
    Divert(PathBuf),
}

impl FaultOptions {
    /// The keys of the table that it is read from.
    pub(super) const KEYS: [&str; 3] = ["on_fault", "retries", "max_faults"];

    pub(super) fn is_empty(&self) -> bool {
        self.on_fault.is_none() && self.retries.is_none() && self.max_faults.is_none()
    }

    /// The file that records are put aside in.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.on_fault {
            Some(OnFault::Divert(path)) => Some(path),
            _ => None,
        }
    }

    /// These, and the others' where nothing is said.
    pub(super) fn or(&self, others: &Self) -> Self {
        Self {
            on_fault: self.on_fault.as_ref().or(others.on_fault.as_ref()).cloned(),
            retries: self.retries.as_ref().or(others.retries.as_ref()).cloned(),
            max_faults: self.max_faults.as_ref().or(others.max_faults.as_ref()).cloned(),
        }
    }

    pub(super) fn policy(
        self,
        mut letters: impl FnMut(&Path) -> Result<Letters, Problem>,
    ) -> Result<FaultPolicy, Problem> {
        let policy = match self.on_fault {
            None | Some(OnFault::Stop) => FaultPolicy::stop(),
            Some(OnFault::Skip) => FaultPolicy::skip(),
            Some(OnFault::Divert(path)) => {
                let letters = letters(&path)?;
                FaultPolicy::divert(move |letter| {
                    let Some(file) = letters.file.get() else { return Ok(()) };
                    letters.put.fetch_add(1, Relaxed);
                    file.put(&letter, letters.places.place(letter.fault.record).as_ref())
                })
            }
        };
        let retries = self.retries.map_or(0, |Number(retries)| retries);
        let policy = policy.retries(u32::try_from(retries).unwrap_or(u32::MAX));
        Ok(self.max_faults.map_or(policy.clone(), |Number(most)| policy.max_faults(most)))
    }
}

/// A file of dead letters, which is made once all is found right.
#[derive(Clone)]
pub(super) struct Letters {
    pub(super) path: PathBuf,
    file: Arc<OnceLock<DeadLetters>>,
    put: Arc<AtomicU64>,
    places: Places,
}

impl Letters {
    pub(super) fn new(path: PathBuf, places: Places) -> Self {
        Self { path, file: Arc::default(), put: Arc::default(), places }
    }

    /// Begins to write at the end of the file, which is open already.
    pub(super) fn begin(&self, file: File) -> Result<(), Error> {
        self.file.get_or_init(|| DeadLetters::to(file, &self.path));
        Ok(())
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        self.file.get().map_or(Ok(()), DeadLetters::flush)
    }

    /// How many records were put there.
    pub(super) fn count(&self) -> u64 {
        self.put.load(Relaxed)
    }
}
