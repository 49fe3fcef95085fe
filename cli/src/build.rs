//! `engine build`: builds a plugin crate.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use engine::files;

use super::cargo::{self, SandboxArgs};
use super::exit::{Ending, tell};
use super::inspect::summary;
use super::limits::CompileArgs;
use super::undeclared::warnings;

/// Build a plugin crate
///
/// The component is written to the current folder as NAME.wasm. If the target wasm32-wasip2 is missing,
/// rustup adds it. A build runs the crate's build scripts and macros with your permissions and a few
/// environment variables. Build crates that you do not trust with --sandbox.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  engine build inc && engine inspect inc.wasm\n  engine build --sandbox untrusted"
)]
pub(crate) struct BuildCommand {
    /// The crate's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Write the component to this file [default: NAME.wasm]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print nothing unless the build fails
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    compile: CompileArgs,
}

/// Whether a file begins as WebAssembly does.
fn plugin_before(path: &Path) -> anyhow::Result<bool> {
    let mut begin = Vec::new();
    let file = files::open(path).with_context(|| format!("can't write {}", path.display()))?;
    file.take(4).read_to_end(&mut begin).with_context(|| format!("can't write {}", path.display()))?;
    Ok(begin.is_empty() || begin == *b"\0asm")
}

fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut component = files::open_file(from)?;
    io::copy(&mut component, &mut files::create(to, files::Mode::Empty, &|| false)?)
}

impl BuildCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let built = if self.sandbox.sandbox {
            let most = self.compile.plugin_size();
            cargo::build_in_sandbox(&self.folder, self.quiet, &self.sandbox, most)?
        } else {
            cargo::build(&self.folder, self.quiet)?
        };
        // What can't be loaded is not worth having, and what it holds is worth telling.
        let plugin = self.compile.pool()?.threads(1).build()?.blocking_load(&built.wasm)?;
        let output = self.output.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", built.name)));
        let other = output.exists() && !plugin_before(&output)?;
        ensure!(!other, "can't write {}: it exists and is not a component", output.display());
        copy(&built.wasm, &output).with_context(|| format!("can't write {}", output.display()))?;
        if !self.quiet {
            tell(format_args!("{}: {}", output.display(), summary(&plugin)));
        }
        for warning in warnings(&plugin, &output) {
            tell(format_args!("engine: warning: {warning}"));
        }
        Ok(Ending::Done)
    }
}
