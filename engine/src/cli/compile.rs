//! `engine compile`: what `engine` starts as a process of its own when a plugin is to be compiled.

use engine::Compiler;

use super::exit::Ending;

/// Compile a plugin from stdin to stdout, for another engine
#[derive(clap::Args)]
pub(crate) struct CompileCommand {}

impl CompileCommand {
    pub(crate) fn execute(&self) -> anyhow::Result<Ending> {
        Compiler::serve()?;
        Ok(Ending::Done)
    }
}
