//! Commands that sources and sinks run, with all that they start.

use std::path::Path;
use std::sync::Arc;

use tokio::process::{Child, Command};

use crate::Error;

/// A command of these words, the first of which is the program, in a group of processes of its own.
pub(super) fn command(words: &[String], folder: Option<&Path>) -> Command {
    let mut command = Command::new(words.first().map_or("", |program| program));
    command.args(words.iter().skip(1)).kill_on_drop(true);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A command that runs. Dropped, it is killed, and what it started too.
pub(super) struct Running {
    pub(super) child: Child,
    name: String,
}

impl Running {
    pub(super) fn start(command: &mut Command, words: &[String]) -> Result<Self, Error> {
        let name = words.first().cloned().unwrap_or_default();
        match command.spawn() {
            Ok(child) => Ok(Self { child, name }),
            Err(error) => Err(Error::Command { command: name, source: Arc::new(error) }),
        }
    }

    /// Waits until it has ended, and says if it did not end well.
    pub(super) async fn ended(&mut self) -> Result<(), Error> {
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::CommandFailed { command: self.name.clone(), status }),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) fn failed(&self, error: std::io::Error) -> Error {
        Error::Command { command: self.name.clone(), source: Arc::new(error) }
    }

    /// Kills it and what it started, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        self.kill_group();
        // One that has ended can't be killed, and need not be.
        let _ = self.child.kill().await;
    }

    fn kill_group(&self) {
        #[cfg(unix)]
        if let Some(group) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}
