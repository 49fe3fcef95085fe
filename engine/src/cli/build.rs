//! `engine build`: a plugin crate's component.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::cargo;
use super::exit::Ending;
use super::inspect::summary;
use super::limits::CompileArgs;

/// Build a plugin crate to a component
///
/// The component is written to the current folder, as NAME.wasm. The target wasm32-wasip2 is added
/// by rustup if it is missing.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  engine build inc && engine inspect inc.wasm")]
pub(crate) struct BuildCommand {
    /// The crate's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to write the component
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing unless it fails
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    compile: CompileArgs,
}

impl BuildCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let built = cargo::build(&self.folder, self.quiet)?;
        // What can't be loaded is not worth having, and what it holds is worth telling.
        let plugin = self.compile.pool()?.workers(1).build()?.load(&built.wasm)?;
        let output = self.output.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", built.name)));
        fs::copy(&built.wasm, &output).with_context(|| format!("can't write {}", output.display()))?;
        if !self.quiet {
            eprintln!("{}: {}", output.display(), summary(&plugin));
        }
        Ok(Ending::Done)
    }
}
