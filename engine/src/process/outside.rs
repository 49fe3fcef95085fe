//! Programs that another process starts for this one, which may start none itself.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};

use super::{Program, Stdio};

/// Starts programs for this process.
pub(crate) trait Starter: Send + Sync {
    /// Starts a program with these streams as its stdin, stdout and stderr.
    fn start(&self, program: &Program, streams: [Stdio; 3]) -> io::Result<Line>;

    /// How a program ended, or why it was not started, as its line says. Blocks if the line's socket blocks.
    fn ended(&self, line: BorrowedFd) -> io::Result<Ended>;
}

/// How a program ended, or why it was not started. The error may be `WouldBlock` if the system had no more processes; a
/// line on which nothing has come yet returns the same kind of error itself.
pub(crate) type Ended = io::Result<ExitStatus>;

/// A program that was started by another process. When the socket is closed, the program is killed.
pub(crate) struct Line {
    /// Receives how the program ended.
    pub(crate) socket: UnixStream,
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
}

static STARTER: OnceLock<Arc<dyn Starter>> = OnceLock::new();

/// Makes this process start its programs with `starter`. Only the first call counts.
pub(crate) fn start_by(starter: Arc<dyn Starter>) {
    let _ = STARTER.set(starter);
}

/// What starts programs, if this process does not.
pub(super) fn starter() -> Option<&'static dyn Starter> {
    STARTER.get().map(|starter| &**starter)
}

/// How a program ended, as its line says.
pub(super) fn ended(line: impl AsFd) -> io::Result<Ended> {
    let starter = starter().ok_or_else(|| io::Error::other("nothing starts programs for this process"))?;
    starter.ended(line.as_fd())
}

/// Kills a program with everything that it started. How it ended still comes on its line.
pub(super) fn kill(line: impl AsFd) {
    // A program that has exited need not be killed.
    let _ = rustix::net::shutdown(line, rustix::net::Shutdown::Write);
}
