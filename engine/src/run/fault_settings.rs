//! What a run says about faults, as plain data.

use std::path::{Path, PathBuf};

use super::dead_letter_file::DeadLetterFile;
use crate::FaultPolicy;

/// What becomes of records that functions fail for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultSettings {
    /// What one fault does.
    pub on_fault: OnFault,
    /// How often a record is tried again if its function says that a retry may succeed.
    pub retries: u32,
    /// One fault more than this ends the run.
    pub max_faults: Option<u64>,
}

/// What a fault does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnFault {
    /// The run ends.
    #[default]
    Stop,
    /// The record is left out.
    Skip,
    /// The record is put aside in this file, as a dead letter.
    Divert(PathBuf),
}

impl FaultSettings {
    /// The file that records are put aside in.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.on_fault {
            OnFault::Divert(path) => Some(path),
            OnFault::Stop | OnFault::Skip => None,
        }
    }

    /// The policy. `dead_letters` is the file that records are put aside in, if there is one.
    pub(super) fn policy(&self, dead_letters: Option<&DeadLetterFile>) -> FaultPolicy {
        let policy = match (&self.on_fault, dead_letters.cloned()) {
            (OnFault::Stop, _) => FaultPolicy::stop(),
            (OnFault::Divert(_), Some(file)) => file.policy(),
            (OnFault::Skip | OnFault::Divert(_), _) => FaultPolicy::skip(),
        };
        let policy = policy.retries(self.retries);
        self.max_faults.map_or(policy.clone(), |most| policy.max_faults(most))
    }
}
