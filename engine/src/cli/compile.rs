//! `engine compile`: what `engine` starts as a process of its own when a plugin is to be compiled.

use engine::Compiler;
use engine::wall::{self, Rules};

use super::exit::Ending;

/// Compile a plugin from stdin to stdout, for another engine
#[derive(clap::Args)]
pub(crate) struct CompileCommand {}

impl CompileCommand {
    pub(crate) fn execute(&self) -> anyhow::Result<Ending> {
        // It reads and writes its pipes, and what it reads may be made to harm it. Where the kernel has no wall it
        // still has its limits.
        let _ = wall::raise(&Rules::new());
        Compiler::serve()?;
        Ok(Ending::Done)
    }
}
