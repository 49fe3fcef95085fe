//! `engine new`: a plugin crate to begin with.

use crate::cli::exit::Ending;

/// Make a plugin crate
#[derive(clap::Args)]
pub(crate) struct NewCommand {}

impl NewCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        Ok(Ending::Done)
    }
}
