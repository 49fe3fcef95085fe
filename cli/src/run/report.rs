//! What is said when a run has ended, and how it ends for the shell.

use std::path::PathBuf;
use std::time::Duration;

use engine::function::{PoolUsage, Usage};
use engine::metrics::Counts;
use engine::{Error, Fault, Plugin};
use serde_json::json;

use super::messages::Messages;
use crate::exit::{Ending, RunFailed, Signal, tell};
use crate::progress::is_watched;
use crate::summary::{Summary, counted, forbidden};
use crate::terminal::{tell_json, tell_lines};

/// A run that has ended.
pub(super) struct RunReport<'a> {
    pub(super) messages: Messages,
    pub(super) result: Result<Ending, RunFailed>,
    pub(super) counts: Counts,
    pub(super) time: Duration,
    pub(super) pool: PoolUsage,
    pub(super) functions: Vec<(&'a str, Usage)>,
    /// Each once.
    pub(super) plugins: Vec<&'a Plugin>,
    /// How many records were left out without being kept, and the first of them, as people read it.
    pub(super) left_out: (u64, Option<String>),
    pub(super) first_fault: Option<&'a Fault>,
    /// By file.
    pub(super) put_aside: Vec<(PathBuf, u64)>,
    /// Whether the run succeeds even if records were put aside.
    pub(super) exits_zero: bool,
    /// Whether records go to stdout.
    pub(super) to_stdout: bool,
}

impl RunReport<'_> {
    /// Why it failed. An output that its reader closed is no failure.
    pub(super) fn failure(&self) -> Option<String> {
        self.result.as_ref().err().filter(|failed| !failed.error.is_closed_pipe()).map(with_causes)
    }

    /// Says it: as one object with `--json`, else in lines.
    pub(super) fn tell(mut self) -> anyhow::Result<Ending> {
        self.put_aside.retain(|(_, records)| *records > 0);
        match self.messages.json {
            true => Ok(self.tell_machines()),
            false => self.tell_people(),
        }
    }

    fn summary(&self) -> Summary<'_> {
        Summary {
            counts: self.counts,
            time: self.time,
            pool: self.pool,
            functions: self.functions.clone(),
            plugins: self.plugins.clone(),
            fault: self.result.as_ref().err().and_then(|failed| fault_of(&failed.error)).or(self.first_fault),
        }
    }

    fn tell_people(mut self) -> anyhow::Result<Ending> {
        let quiet = self.messages.quiet;
        if !quiet && is_watched(self.to_stdout) {
            tell_lines(&self.summary().text());
        } else if !quiet && let Some(line) = forbidden() {
            tell(format_args!("engine: {line}"));
        }
        if let (records, Some(first)) = &self.left_out
            && !quiet
        {
            tell(format_args!("engine: {} left out, the first: {first}", counted(*records, "record")));
        }
        // The ending reports the last of them, if nothing else.
        let done = matches!(self.result, Ok(Ending::Done)) && !self.exits_zero;
        let last = done.then(|| self.put_aside.pop()).flatten();
        for (file, records) in self.put_aside {
            tell(format_args!("engine: {} put aside in {}", counted(records, "record"), file.display()));
        }
        match last {
            Some((file, records)) => Ok(Ending::PutAside { records, file }),
            None => Ok(self.result?),
        }
    }

    fn tell_machines(self) -> Ending {
        let mut summary = self.summary().json();
        let (ended, error, code) = match &self.result {
            Ok(Ending::Interrupted { by, .. }) => ("interrupted", None, by.exit_code()),
            Ok(Ending::Stopped) => ("aborted", None, Signal::Terminate.exit_code()),
            Ok(_) if self.put_aside.is_empty() || self.exits_zero => ("done", None, 0),
            Ok(_) => ("done", None, 1),
            Err(failed) if failed.error.is_closed_pipe() => ("done", None, 0),
            Err(failed) => ("failed", Some(with_causes(failed)), 1),
        };
        let put_aside = self.put_aside.iter();
        let put_aside = put_aside
            .map(|(file, records)| json!({ "file": file.display().to_string(), "records": records }));
        summary["ended"] = ended.into();
        summary["error"] = error.into();
        summary["left_out"] = self.left_out.0.into();
        summary["put_aside"] = put_aside.collect();
        tell_json(&summary);
        Ending::Told { code }
    }
}

/// An error and what caused it, on one line.
fn with_causes(error: &RunFailed) -> String {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let first = causes.next().map(ToString::to_string).unwrap_or_default();
    causes.fold(first, |text, cause| format!("{text}: {cause}"))
}

/// The fault that ended a run.
pub(super) fn fault_of(error: &Error) -> Option<&Fault> {
    match error {
        Error::Fault(fault) | Error::TooManyFaults { fault, .. } => Some(fault),
        _ => None,
    }
}
