//! Programs that are started outside of this process, which may start none itself.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};

use super::{Program, Stdio};

/// Starts programs for this process.
pub(crate) trait Starter: Send + Sync {
    /// Starts a program, with these for its stdin, stdout and stderr.
    fn start(&self, program: &Program, streams: [Stdio; 3]) -> io::Result<Line>;

    /// How a program ended, or why it was not started, from its line; it waits for that if the line does.
    fn ended(&self, line: BorrowedFd) -> io::Result<Ended>;
}

/// How a program ended, or why it was not started: which may be for lack of processes, an error that is also that of
/// a line on which nothing has come yet.
pub(crate) type Ended = io::Result<ExitStatus>;

/// A program that was started outside. When its socket is closed the program is killed.
pub(crate) struct Line {
    /// How it ended comes here.
    pub(crate) socket: UnixStream,
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
}

static STARTER: OnceLock<Arc<dyn Starter>> = OnceLock::new();

/// From now on this process has its programs started by `starter`. The first one stays.
pub(crate) fn start_by(starter: Arc<dyn Starter>) {
    let _ = STARTER.set(starter);
}

/// What starts programs, if that is not this process.
pub(super) fn starter() -> Option<&'static dyn Starter> {
    STARTER.get().map(|starter| &**starter)
}

/// How a program ended, from its line.
pub(super) fn ended(line: impl AsFd) -> io::Result<Ended> {
    let starter = starter().ok_or_else(|| io::Error::other("nothing starts programs for this process"))?;
    starter.ended(line.as_fd())
}

/// Kills a program with all that it started. How it ended still comes on its line.
pub(super) fn kill(line: impl AsFd) {
    // One that has ended can't be killed, and need not be.
    let _ = rustix::net::shutdown(line, rustix::net::Shutdown::Write);
}
