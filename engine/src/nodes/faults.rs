//! What becomes of records that a node refuses, as the file says.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::diagnostic::Problem;
use super::options::Number;
use crate::FaultPolicy;
use crate::run::DeadLetterFile;

/// Options of all nodes that may refuse records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct FaultOptions {
    /// What becomes of a record that the node fails for: "stop" ends the run, "skip" leaves it out,
    /// { divert = "FILE" } puts it aside as a line of JSON. The default is "stop"; for the sources http, tcp and
    /// websocket, and for nodes that get records from them, it is "skip".
    on_fault: Option<OnFault>,
    /// How often a record is given again whose function says that another try may succeed.
    retries: Option<Number>,
    /// One fault more than this ends the run.
    max_faults: Option<Number>,
    /// Only in [faults]: the run exits with 0 even if records were put aside.
    exit_zero: Option<bool>,
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
    /// The keys of the table that it is read from, if that is a node's.
    pub(crate) const KEYS: [&str; 3] = ["on_fault", "retries", "max_faults"];

    pub(crate) fn is_empty(&self) -> bool {
        self.on_fault.is_none() && self.retries.is_none() && self.max_faults.is_none()
    }

    /// The file that records are put aside in.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.on_fault {
            Some(OnFault::Divert(path)) => Some(path),
            _ => None,
        }
    }

    /// These, and the others' where nothing is said.
    pub(crate) fn or(&self, others: &Self) -> Self {
        Self {
            on_fault: self.on_fault.as_ref().or(others.on_fault.as_ref()).cloned(),
            retries: self.retries.as_ref().or(others.retries.as_ref()).cloned(),
            max_faults: self.max_faults.as_ref().or(others.max_faults.as_ref()).cloned(),
            exit_zero: self.exit_zero.or(others.exit_zero),
        }
    }

    /// Whether a run that put records aside succeeds.
    pub(crate) fn exit_zero(&self) -> bool {
        self.exit_zero.unwrap_or(false)
    }

    /// The policy. If nothing says what becomes of a record, a fault ends the run, unless it is to stay up.
    pub(crate) fn policy(
        self,
        stays_up: bool,
        mut dead_letters: impl FnMut(&Path) -> Result<DeadLetterFile, Problem>,
    ) -> Result<FaultPolicy, Problem> {
        let policy = match self.on_fault {
            None if stays_up => FaultPolicy::skip(),
            None | Some(OnFault::Stop) => FaultPolicy::stop(),
            Some(OnFault::Skip) => FaultPolicy::skip(),
            Some(OnFault::Divert(path)) => dead_letters(&path)?.policy(),
        };
        let retries = self.retries.map_or(0, |Number(retries)| retries);
        let policy = policy.retries(u32::try_from(retries).unwrap_or(u32::MAX));
        Ok(self.max_faults.map_or(policy.clone(), |Number(most)| policy.max_faults(most)))
    }
}
