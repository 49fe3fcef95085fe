//! How a command ends: its exit code, and the one line that says why.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use engine::policy::InputPosition;
use engine::{Error, Fault};

use super::hint::hint;
use super::setup::shortage;
use super::summary::counted;
pub(crate) use super::terminal::tell;

/// How a command ended that did not fail.
pub(crate) enum Ending {
    Done,
    /// Everything was printed already.
    Told {
        /// The exit code.
        code: u8,
    },
    /// A file has mistakes, which were printed: nothing was run.
    Mistakes,
    /// Everything was done except for records that were put aside.
    PutAside {
        records: u64,
        file: PathBuf,
    },
    /// Stopped from the dashboard: records in progress are not finished.
    Stopped,
    /// Told to end: records in progress are finished.
    Interrupted {
        by: EndedBy,
        /// Whether the same command continues later.
        goes_on: bool,
    },
}

/// A signal that ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// As `kill` and service managers send it.
    Terminate,
    /// The terminal was closed.
    Hangup,
    /// The soft limit on processor time is reached (`ulimit -S -t`).
    CpuTime,
}

impl Signal {
    /// 128 and the signal's number, as shells have it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::CpuTime => 152,
        }
    }
}

/// What ended a run before its input did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    Signal(Signal),
    /// A view: the dashboard or the terminal.
    Watcher,
}

impl EndedBy {
    /// The exit code. A drain from a view has that of SIGTERM.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Signal(signal) => signal.exit_code(),
            Self::Watcher => Signal::Terminate.exit_code(),
        }
    }
}

impl std::fmt::Display for EndedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signal(Signal::CpuTime) => "the limit on processor time is reached",
            Self::Signal(_) => "interrupted",
            Self::Watcher => "drained from a view",
        })
    }
}

/// A failure of a run that had begun. Any other error happened before it.
#[derive(Debug)]
pub(crate) struct RunFailed {
    pub(crate) error: Error,
    /// The place of its record, if the error does not name it.
    pub(crate) place: Option<InputPosition>,
}

impl std::fmt::Display for RunFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.error, &self.place) {
            (Error::Fault(fault), Some(place)) => at(fault, place).fmt(f),
            (Error::TooManyFaults { limit, fault }, Some(place)) => {
                write!(f, "more than {limit} faults; the last: {}", at(fault, place))
            }
            (error, _) => error.fmt(f),
        }
    }
}

/// A fault with the place of its record, unless it says that itself.
pub(crate) fn at(fault: &Fault, place: &InputPosition) -> String {
    if fault.cause.to_string().contains(&format!("({}, ", place.input)) {
        return fault.to_string();
    }
    format!("record {} ({place}): {}: {}", fault.record, fault.place(), fault.cause)
}

impl std::error::Error for RunFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

pub(crate) fn report(result: anyhow::Result<Ending>) -> ExitCode {
    ExitCode::from(told(result))
}

/// Prints how it ended, and returns the exit code.
pub(crate) fn told(result: anyhow::Result<Ending>) -> u8 {
    let error = match result {
        Ok(Ending::Done) => return 0,
        Ok(Ending::Told { code }) => return code,
        Ok(Ending::Mistakes) => return 2,
        Ok(Ending::PutAside { records, file }) => {
            tell(format_args!("engine: {} put aside in {}", counted(records, "record"), file.display()));
            return 1;
        }
        Ok(Ending::Stopped) => {
            tell(format_args!("engine: stopped: records in progress are not finished"));
            return Signal::Terminate.exit_code();
        }
        Ok(Ending::Interrupted { by, goes_on }) => {
            let how = if goes_on { ": the same command continues from here" } else { "" };
            tell(format_args!("engine: {by}{how}"));
            return by.exit_code();
        }
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return 0;
    }
    let short = shortage(&error).map(|short| format!(": {short}")).unwrap_or_default();
    let hint = hint(&error).map(|hint| format!(" ({hint})")).unwrap_or_default();
    tell(format_args!("engine: {error:#}{short}{hint}"));
    if error.is::<RunFailed>() { 1 } else { 2 }
}

/// Whether the reader of the output closed it, as `head` does, which is no failure.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
        || error.downcast_ref().is_some_and(|RunFailed { error, .. }| error.is_closed_pipe())
}
