//! This process's stdin and stdout, and the addresses at which sources listen.

use std::io::{IsTerminal, stdin, stdout};
use std::net::SocketAddr;
use std::path::Path;

use super::BuildContext;
use super::files::in_use;
use crate::nodes::diagnostic::Problem;
use crate::plugin::Output;

impl BuildContext<'_> {
    /// This process's stdout, which nodes share.
    pub(crate) fn stdout(&mut self) -> Result<Output, Problem> {
        if let Some(stdout) = &self.stdout {
            return Ok(stdout.clone());
        }
        if self.on_terminal && stdout().is_terminal() {
            return Err(Problem::new("its records would go to the terminal, which shows the run")
                .help("send stdout to a file or a pipe, or use a sink of type \"file\""));
        }
        if cfg!(unix) {
            // It may be a file that a node reads.
            self.conflicts.write_stream(Path::new("/dev/stdout")).map_err(in_use("type"))?;
        }
        Ok(self.stdout.insert(Output::stdout()).clone())
    }

    /// A node reads stdin: only one can.
    pub(crate) fn take_stdin(&mut self) -> Result<(), Problem> {
        match std::mem::replace(&mut self.stdin, true) {
            true => Err(Problem::new("another source reads stdin too").help("remove one of them")),
            false if self.on_terminal && stdin().is_terminal() => {
                let problem = Problem::new("its records would come from the terminal, which shows the run");
                Err(problem.help("let stdin be a file or a pipe, or use a source of type \"files\""))
            }
            // It may be a file that a node writes.
            false if cfg!(unix) => self.conflicts.read(Path::new("/dev/stdin")).map_err(in_use("type")),
            false => Ok(()),
        }
    }

    /// Tells where the node at hand listens.
    pub(crate) fn listens(&self) -> impl FnOnce(Option<SocketAddr>) + Send + use<> {
        let (told, name) = (self.on_listen.clone(), self.guard.name.clone());
        move |address| {
            if let Some(address) = address {
                told(&name, address);
            }
        }
    }
}
