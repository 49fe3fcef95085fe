//! `--wall`: the second wall around a process that runs functions.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use engine::wall::{self, Rules};

/// Flags about the wall.
#[derive(clap::Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct WallArgs {
    /// The second wall: before the first function runs, the process gives up all access that the run does not
    /// need
    ///
    /// Linux then refuses access to other files, hosts, programs and processes, even to a function that breaks
    /// out of its sandbox. By default the wall is raised as far as the kernel allows, and the summary names
    /// missing parts. on ends the run if the system forbids a part, as some containers do. off raises no wall.
    /// show prints as JSON what the run may still reach, and runs nothing.
    #[arg(long, value_name = "on|off|show", value_enum, hide_possible_values = true)]
    wall: Option<WallArg>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WallArg {
    On,
    Off,
    Show,
}

/// What is to be done behind the wall.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Run,
    /// All was shown.
    Stop,
}

impl WallArgs {
    /// The same for another process.
    #[cfg(feature = "cluster")]
    pub(crate) fn given(&self) -> Option<String> {
        match self.wall? {
            WallArg::On => Some("--wall=on".to_owned()),
            WallArg::Off => Some("--wall=off".to_owned()),
            WallArg::Show => None,
        }
    }

    /// Whether the wall is only shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.wall == Some(WallArg::Show)
    }

    /// Raises the wall, or shows what it would be. It must be called before this process starts a thread.
    pub(crate) fn raise(&self, rules: impl FnOnce() -> anyhow::Result<Rules>) -> anyhow::Result<Then> {
        match self.wall {
            Some(WallArg::Off) => Ok(Then::Run),
            Some(WallArg::Show) => {
                use std::io::Write;

                let rules = serde_json::to_string_pretty(&rules()?)?;
                writeln!(std::io::stdout(), "{rules}")?;
                Ok(Then::Stop)
            }
            Some(WallArg::On) | None => {
                let rules = rules()?;
                check_cache(&rules)?;
                let raised = wall::raise(&rules).context("the wall (--wall off runs without it)")?;
                let forbidden = raised.refused.first().filter(|_| self.wall.is_some());
                if let Some(part) = forbidden {
                    bail!(
                        "--wall on: this system forbids {}: without --wall on the run goes on",
                        part.need()
                    );
                }
                Ok(Then::Run)
            }
        }
    }
}

/// Refuses rules by which a function that broke out could put compiled code where other runs load it from.
fn check_cache(rules: &Rules) -> anyhow::Result<()> {
    let Some(cache) = engine::plugin::compile_cache().and_then(|cache| cache.canonicalize().ok()) else {
        return Ok(());
    };
    let is_over = |path: &&PathBuf| {
        path.canonicalize().is_ok_and(|path| cache.starts_with(&path) || path.starts_with(&cache))
    };
    let is_new_in = |file: &&PathBuf| {
        let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
        folder.is_some_and(|folder| folder.starts_with(&cache))
    };
    let mut files = rules.creates.iter().chain(&rules.replaces).chain(rules.rotates.keys());
    let written = rules.writes.iter().find(is_over).or_else(|| files.find(is_new_in));
    if let Some(path) = written {
        let (path, cache) = (path.display(), cache.display());
        bail!(
            "the run may write {path}, and the engine keeps compiled plugins there, in {cache}: move one of them \
             (--wall off runs without a wall)"
        );
    }
    Ok(())
}

/// The most bytes that a plugin's file may have where nothing else is said.
pub(crate) const PLUGIN_SIZE: u64 = 100 << 20;

/// The terminal, on which something is drawn.
pub(crate) fn terminal(rules: &mut Rules) {
    rules.write(Path::new("/dev/tty"));
}
