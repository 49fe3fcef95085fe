//! Running commands: they start with their own process group, and are killed with all that they started.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Error;
use crate::deadlines::PROCESS;
use crate::error::ConnectorError;
use crate::machine::Machine;
use crate::process::{Child, Program, Stdio};

/// The process groups of the commands that this process started itself. The wall's launcher ends those that it started.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all commands that sources and sinks of this process run, with everything that they started. For a program that
/// exits without waiting for its streams. Does not wait until they have ended.
pub fn end_commands() {
    groups().iter().for_each(|group| kill(*group));
}

fn kill(_group: u32) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(_group.cast_signed()) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// A running command. When this is dropped, the command is killed with everything that it started.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Its process group, as long as it may run.
    group: Option<u32>,
    name: String,
}

/// The system's error; or the limit that is reached, if no more processes can be started.
fn command_error(command: String, error: io::Error) -> Error {
    let error = match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(Machine::here().thread_limit()),
        _ => error,
    };
    Error::Connector(ConnectorError::Command { command, source: Arc::new(error) })
}

impl Running {
    /// Starts a command with these streams as its stdin, stdout and stderr.
    pub(crate) fn start(program: &Program, streams: [Stdio; 3]) -> Result<Self, Error> {
        let name = program.name();
        match Child::start(program, streams) {
            Ok(child) => {
                groups().extend(child.id());
                Ok(Self { group: child.id(), child, name })
            }
            Err(error) => Err(command_error(name, error)),
        }
    }

    /// Waits until the command has exited. An error if its exit code is not 0.
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

    /// Like [`ended`](Self::ended), but kills the command after the timeout.
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
        command_error(self.name.clone(), error)
    }

    /// Kills the command with everything that it started, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await;
        self.forget();
    }

    /// Forgets its process group after it has ended: another process may get the same number.
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
