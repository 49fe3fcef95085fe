//! `engine launcher`: what a process behind the wall can't do itself.

use engine::wall::launcher;

use super::exit::Ending;
use super::signals;

/// Start the programs of the process at the other end of stdin
#[derive(clap::Args)]
pub(crate) struct LauncherCommand {}

impl LauncherCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        // It ends with the process that it serves, not before.
        signals::ignore()?;
        launcher::serve()?;
        Ok(Ending::Done)
    }
}
