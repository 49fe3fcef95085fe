//! Building a stranger's crate: all that it runs is in a sandbox, and nothing but its component comes out.
//!
//! Dependencies that this machine does not have are fetched first, in a sandbox that reaches the network, has no
//! secrets, and runs nothing of the crate: cargo does not read the crate's own configuration there, which could
//! name programs. The build has no network.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use super::manifest::Manifest;
use super::sandbox::{Ended, Sandbox, SandboxedCommand};
use super::toolchain::Toolchain;
use super::{Built, INLINE, TARGET, environment};
use crate::args::time;

/// What a sandbox for a crate has, beside the crate's folder.
#[derive(clap::Args)]
pub(crate) struct SandboxArgs {
    /// Build a crate that you do not trust: its programs have only their own files, no network and no
    /// environment
    ///
    /// Dependencies are fetched before. This needs Linux and bubblewrap (bwrap), and uses the default
    /// toolchain, whatever the crate asks for. Only the component comes out.
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Let the sandbox read this too, such as a dependency outside of the crate's folder
    #[arg(long, value_name = "PATH", requires = "sandbox")]
    sandbox_read: Vec<PathBuf>,
    /// Time limit for the build in the sandbox
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
    sandbox_timeout: Duration,
}

/// How cargo is called, after `"$1"` was asked for: what it prints is no part of the component.
const BUILD: &str = "wasm=$1; shift; cargo rustc --frozen --release --lib \"$@\" >&2 && exec cat \"$wasm\"";

/// Looks whether all dependencies are here.
const LOOK: &str = "cargo fetch --quiet --offline \"$@\" >&2";

const FETCH: &str = "cargo fetch --manifest-path \"$@\" >&2";

/// Files and folders of a crate's folder at most.
const ENTRIES: usize = 1000;

/// Builds the crate in `folder`. The component has at most `most` bytes.
pub(crate) fn build_in_sandbox(
    folder: &Path,
    quiet: bool,
    args: &SandboxArgs,
    most: u64,
) -> anyhow::Result<Built> {
    let sandbox = Sandbox::new()?;
    let name = Manifest::read(folder)?.component()?;
    let temporary = tempfile::tempdir().context("can't make a folder for the build")?;
    let stranger = Stranger {
        shown: folder,
        folder: folder.canonicalize().with_context(|| format!("can't read {}", folder.display()))?,
        toolchain: Toolchain::find()?,
        home: cargo_home()?,
        temporary: &temporary,
        args,
        quiet,
    };
    let sandbox = stranger.with_crate(sandbox)?;
    let sandbox = stranger.with_dependencies(sandbox)?;
    let component = stranger.component(&sandbox, &name, most)?;
    let wasm = temporary.path().join(&name).with_extension("wasm");
    fs::write(&wasm, component).with_context(|| format!("can't write {}", wasm.display()))?;
    Ok(Built { wasm, name: name.replace('_', "-"), _folder: Some(temporary) })
}

struct Stranger<'a> {
    /// The folder as it was named.
    shown: &'a Path,
    folder: PathBuf,
    toolchain: Toolchain,
    /// Where cargo keeps what it fetched.
    home: PathBuf,
    temporary: &'a TempDir,
    args: &'a SandboxArgs,
    quiet: bool,
}

impl Stranger<'_> {
    /// Adds the toolchain and the crate. Its folder is in memory, with the crate's files in it to be read.
    fn with_crate(&self, mut sandbox: Sandbox) -> anyhow::Result<Sandbox> {
        let folder = &self.folder;
        sandbox.read(&self.toolchain.root, &self.toolchain.root);
        sandbox
            .variable("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.toolchain.root.display()));
        sandbox.variable("CARGO_HOME", &self.home);
        sandbox.variable("CARGO_TARGET_DIR", folder.join("target"));
        for path in &self.args.sandbox_read {
            let path = path.canonicalize().with_context(|| format!("--sandbox-read {}", path.display()))?;
            sandbox.read(&path, &path);
        }
        sandbox.room(folder);
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        ensure!(entries.len() <= ENTRIES, "{} has more than {ENTRIES} files and folders", folder.display());
        // What was built as the user is not the crate's, and where it was fetched from may have a secret in it.
        entries
            .retain(|entry| !["target", ".git", "Cargo.lock"].map(OsStr::new).contains(&&*entry.file_name()));
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_symlink() {
                sandbox.link(&fs::read_link(&path)?, &path);
            } else if kind.is_file() || kind.is_dir() {
                sandbox.read(&path, &path);
            }
        }
        Ok(sandbox)
    }

    /// Adds what the crate depends on, fetched if it is not here.
    fn with_dependencies(&self, sandbox: Sandbox) -> anyhow::Result<Sandbox> {
        let lock = self.lock()?;
        let mut here = sandbox.clone();
        for path in public_registry(&self.home) {
            here.read(&path, &path);
        }
        let mut looking = here.clone();
        lock.bind(&mut looking, true);
        if let Ended::Well(_) = self.run(&looking, &self.folder, LOOK, &self.targets(), false, 0)? {
            lock.bind(&mut here, false);
            return Ok(here);
        }
        let fetched = self.temporary.path().join("home");
        fs::create_dir(&fetched).context("can't make a folder for what is fetched")?;
        let mut fetching = sandbox.clone().with_network(environment::of_network());
        fetching.write(&fetched, &self.home);
        lock.bind(&mut fetching, true);
        let manifest = self.folder.join("Cargo.toml");
        let arguments = [&[manifest.as_os_str()], &*self.targets()].concat();
        let ended = self.run(&fetching, Path::new("/"), FETCH, &arguments, true, 0)?;
        self.well(ended, "depends on what can't be fetched")?;
        let mut here = sandbox;
        here.read(&fetched, &self.home);
        lock.bind(&mut here, false);
        Ok(here)
    }

    /// The crate's lock file; it gets one if it has none.
    fn lock(&self) -> anyhow::Result<Lock> {
        let at = self.folder.join("Cargo.lock");
        // A link may lead anywhere.
        if at.symlink_metadata().is_ok_and(|lock| lock.is_file()) {
            return Ok(Lock { file: at.clone(), at, own: true });
        }
        let file = self.temporary.path().join("Cargo.lock");
        fs::write(&file, "").with_context(|| format!("can't write {}", file.display()))?;
        Ok(Lock { file, at, own: false })
    }

    fn targets(&self) -> Vec<&OsStr> {
        ["--target", TARGET, "--target", &self.toolchain.host].map(OsStr::new).to_vec()
    }

    fn component(&self, sandbox: &Sandbox, name: &str, most: u64) -> anyhow::Result<Vec<u8>> {
        let wasm = format!("target/{TARGET}/release/{name}.wasm");
        let mut arguments = vec![&*wasm, "--target", TARGET];
        arguments.extend(self.quiet.then_some("--quiet"));
        arguments.extend(["--", INLINE]);
        let arguments: Vec<_> = arguments.into_iter().map(OsStr::new).collect();
        self.well(self.run(sandbox, &self.folder, BUILD, &arguments, true, most)?, "does not build")
    }

    fn run(
        &self,
        sandbox: &Sandbox,
        folder: &Path,
        script: &str,
        arguments: &[&OsStr],
        heard: bool,
        most: u64,
    ) -> anyhow::Result<Ended> {
        sandbox.run(&SandboxedCommand {
            folder,
            script,
            arguments,
            heard,
            timeout: self.args.sandbox_timeout,
            most,
        })
    }

    /// What it gave; `failed` says what has failed otherwise.
    fn well(&self, ended: Ended, failed: &str) -> anyhow::Result<Vec<u8>> {
        let (shown, limit) = (self.shown.display(), self.args.sandbox_timeout);
        match ended {
            Ended::Well(output) => Ok(output),
            Ended::Failed => {
                bail!("{shown} {failed} in the sandbox (to let it read more: --sandbox-read PATH)")
            }
            Ended::Late => bail!("{shown} takes longer than {limit:?} (--sandbox-timeout allows more)"),
        }
    }
}

/// A lock file, and where it is in the sandbox.
struct Lock {
    file: PathBuf,
    at: PathBuf,
    /// It came with the crate.
    own: bool,
}

impl Lock {
    /// Adds it to a sandbox, where it may be written unless it came with the crate.
    fn bind(&self, sandbox: &mut Sandbox, written: bool) {
        if written && !self.own {
            sandbox.write(&self.file, &self.at);
        } else {
            sandbox.read(&self.file, &self.at);
        }
    }
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("there is no home folder")
}

/// What cargo has of crates.io. Other registries and repositories may be private.
fn public_registry(home: &Path) -> Vec<PathBuf> {
    let parts = ["index", "cache", "src"].map(|part| home.join("registry").join(part));
    let entries = parts.iter().filter_map(|part| fs::read_dir(part).ok()).flatten().flatten();
    let is_public =
        |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b"index.crates.io-");
    entries.filter(is_public).map(|entry| entry.path()).collect()
}
