//! `engine compile`: what `engine` starts as a process of its own when a plugin is to be compiled.

use engine::plugin::Compiler;
use engine::wall::{self, Rules};

use super::exit::Ending;
use super::limits::CompileArgs;

/// Compile a plugin from stdin to stdout, for another process of engine
#[derive(clap::Args)]
pub(crate) struct CompileCommand {
    /// Keep it in the cache too, within these limits: for a worker, which can't
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    limits: CompileArgs,
}

impl CompileCommand {
    pub(crate) fn execute(&self) -> anyhow::Result<Ending> {
        if self.keep {
            // It compiles in another process: here no byte of the plugin is looked at.
            self.limits.compiler()?.serve_and_keep(self.limits.plugin_size())?;
            return Ok(Ending::Done);
        }
        // It reads and writes its pipes, and what it reads may be made to harm it. Where the kernel has no wall it
        // still has its limits.
        let _ = wall::raise(&Rules::new());
        Compiler::serve()?;
        Ok(Ending::Done)
    }
}
