//! `engine completions`: for the shell.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Engine;
use super::exit::Ending;

/// Print completions for a shell
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  engine completions bash > ~/.local/share/bash-completion/completions/engine"
)]
pub(crate) struct CompletionsCommand {
    /// The shell
    shell: Shell,
}

impl CompletionsCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        clap_complete::generate(self.shell, &mut Engine::command(), "engine", &mut io::stdout());
        Ok(Ending::Done)
    }
}
