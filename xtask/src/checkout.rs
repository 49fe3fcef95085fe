//! Where the repository is, where it is built, and how cargo is called in it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The workspaces of plugins, which are compiled to WebAssembly.
pub(crate) const PLUGINS: [&str; 3] = ["plugins", "bench/plugins", "plugins/hostile"];

/// A checkout of the repository.
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    /// The target folder that this program was built to: everything else goes there too.
    pub(crate) target: PathBuf,
}

impl Checkout {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("call this as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask is no folder of the repository")?;
        let program = env::current_exe().context("can't tell where the target folder is")?;
        let target = program.ancestors().nth(2).context("can't tell where the target folder is")?;
        Ok(Self { root: root.to_owned(), target: target.to_owned() })
    }

    /// Cargo in the root workspace.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// Cargo in a workspace of plugins. The integration tests build it to the same folder.
    pub(crate) fn cargo_in(&self, workspace: &str, args: &[&str]) -> Command {
        let mut cargo = self.cargo(args);
        cargo.current_dir(self.root.join(workspace)).env("CARGO_TARGET_DIR", self.plugins_target(workspace));
        cargo
    }

    /// The files and links that git knows or would add, if they are there.
    pub(crate) fn files(&self) -> anyhow::Result<BTreeSet<PathBuf>> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&self.root);
        let listed = git.output().context("can't run git")?;
        ensure!(listed.status.success(), "`git ls-files` failed: {} is no checkout", self.root.display());
        let names = String::from_utf8(listed.stdout).context("a file's name is no text")?;
        let files = names.split_terminator('\0').map(PathBuf::from);
        Ok(files.filter(|file| self.root.join(file).symlink_metadata().is_ok()).collect())
    }

    /// Where a workspace of plugins is built to.
    pub(crate) fn plugins_target(&self, workspace: &str) -> PathBuf {
        self.target.join("tmp").join(workspace.replace('/', "-"))
    }
}

/// Runs a command that must succeed; what it prints is seen.
pub(crate) fn succeed(mut command: Command) -> anyhow::Result<()> {
    let shown = show(&command);
    let status = command.status().with_context(|| format!("can't run `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed");
    Ok(())
}

/// A command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let words: Vec<_> =
        [command.get_program()].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
