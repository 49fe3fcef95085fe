//! Commands that sources and sinks run, with all that they start.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Error;
use crate::deadlines::PROCESS;
use crate::error::ConnectorError;
use crate::machine::Machine;
use crate::process::{Child, Program, Stdio};

/// The groups of all that run and that this process started itself: the launcher ends its own.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the commands that sources and sinks of this process run, with all that they started: for a program that
/// ends without waiting for its streams.
pub fn end_commands() {
    groups().iter().for_each(|group| kill(*group));
}

fn kill(_group: u32) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(_group.cast_signed()) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// A command that runs. Dropped, it is killed, and what it started too.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Its group, as long as it may run.
    group: Option<u32>,
    name: String,
}

/// What the system says, or what is short if it has no more processes.
fn cant_run(command: String, error: io::Error) -> Error {
    let error = match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(Machine::here().thread_limit()),
        _ => error,
    };
    Error::Connector(ConnectorError::Command { command, source: Arc::new(error) })
}

impl Running {
    /// Starts a command, with these for its stdin, stdout and stderr.
    pub(crate) fn start(program: &Program, streams: [Stdio; 3]) -> Result<Self, Error> {
        let name = program.name();
        match Child::start(program, streams) {
            Ok(child) => {
                groups().extend(child.id());
                Ok(Self { group: child.id(), child, name })
            }
            Err(error) => Err(cant_run(name, error)),
        }
    }

    /// Waits until it has ended, and says if it did not end well.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        let ended = self.child.wait().await;
        self.forget();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                Err(Error::Connector(ConnectorError::CommandFailed { command: self.name.clone(), status }))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The same; if it takes too long, it is killed.
    pub(crate) async fn ended_within(&mut self, timeout: Duration) -> Result<(), Error> {
        let name = self.name.clone();
        match PROCESS.of(timeout).within(&name, self.ended()).await {
            Ok(ended) => ended,
            Err(overdue) => {
                self.kill().await;
                Err(self.failed(overdue.into()))
            }
        }
    }

    pub(crate) fn failed(&self, error: io::Error) -> Error {
        cant_run(self.name.clone(), error)
    }

    /// Kills it and what it started, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await;
        self.forget();
    }

    /// It has ended: its number may be another one's.
    fn forget(&mut self) {
        if let Some(group) = self.group.take() {
            groups().remove(&group);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill_group();
        self.forget();
    }
}
