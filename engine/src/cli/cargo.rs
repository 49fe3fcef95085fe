//! Building a plugin crate with cargo.

use std::fs::File;
use std::io::{BufReader, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail, ensure};
use cargo_metadata::{Message, Target};

use super::built::Manifest;
use super::exit::tell;

/// What plugins are compiled to.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// Rather a longer function than a call of another one: each call in a sandbox looks whether its time is
/// over, so that it costs more than elsewhere. JSON is read and written a sixth faster, with twice the code.
/// It adds to whatever flags the crate's own configuration has.
const INLINE: &str = "-Cllvm-args=--inline-threshold=1000";

/// A plugin crate's component.
pub(crate) struct Built {
    pub(crate) wasm: PathBuf,
    /// The crate's name.
    pub(crate) name: String,
}

/// Builds the crate in `folder`; what did not change is not built again. Cargo's messages go to stderr.
pub(crate) fn build(folder: &Path, quiet: bool) -> anyhow::Result<Built> {
    // A crate of another kind may take minutes to build before it turns out to be none.
    Manifest::read(folder)?;
    add_target(folder)?;
    let mut command = Command::new("cargo");
    command.args(["rustc", "--release", "--lib", "--target", TARGET]).current_dir(folder);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    // Who can't see it need not be told, and a script's stderr stays empty.
    let _patience = (quiet && std::io::stderr().is_terminal()).then(|| Patience::begin(folder));
    if quiet {
        command.arg("--quiet");
    }
    // The output is a build's own: settings for the caller's crates are not meant for it.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    command.args(["--", INLINE]);
    let mut child = command.spawn().map_err(|error| cant_run("cargo", error))?;
    let stdout = child.stdout.take().context("cargo has no output")?;
    let mut built = None;
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.context("can't read what cargo says")? {
            let wasm = artifact.filenames.into_iter().find(|file| file.extension() == Some("wasm"));
            let own = built_from(folder, &artifact.manifest_path, &artifact.target, wasm);
            own.iter().filter(|_| artifact.fresh).for_each(|own| touch(&own.wasm));
            built = own.or(built);
        }
    }
    ensure!(child.wait().context("can't wait for cargo")?.success(), "{} does not build", folder.display());
    built.with_context(|| {
        format!("{} is no plugin crate: its [lib] needs crate-type = [\"cdylib\"]", folder.display())
    })
}

/// Makes a component that need not be built again newer than its sources, as those see it who only look.
fn touch(wasm: &Path) {
    // If it can't be, it is built before it is looked at once more than needed.
    let _ = File::options().append(true).open(wasm).and_then(|wasm| wasm.set_modified(SystemTime::now()));
}

/// The component among a build's artifacts, if this is it.
fn built_from(
    folder: &Path,
    manifest: &cargo_metadata::camino::Utf8Path,
    target: &Target,
    wasm: Option<cargo_metadata::camino::Utf8PathBuf>,
) -> Option<Built> {
    let own = manifest.parent()?.as_std_path().canonicalize().ok()? == folder.canonicalize().ok()?;
    let name = target.name.replace('_', "-");
    wasm.filter(|_| own).map(|wasm| Built { wasm: wasm.into(), name })
}

/// Adds the wasm target to the crate's toolchain, if it is missing.
fn add_target(folder: &Path) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder);
    let printed = rustc.output().map_err(|error| cant_run("rustc", error))?;
    ensure!(
        printed.status.success(),
        "this Rust does not know {TARGET}: update it to 1.85 or later (rustup update)"
    );
    if Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir() {
        return Ok(());
    }
    tell(format_args!("engine: adding the target {TARGET} with rustup"));
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(folder).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("rustup could not add the target {TARGET}"),
        Err(_) => bail!(
            "this Rust lacks the target {TARGET} and there is no rustup to add it: install it, or the target's \
             standard library from where your Rust is from"
        ),
    }
}

/// The error for a program that does not start.
fn cant_run(program: &str, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow!("there is no {program}: install Rust from https://rustup.rs"),
        _ => anyhow::Error::new(error).context(format!("can't run {program}")),
    }
}

/// Says that a build takes a while, if it does.
struct Patience(Option<Sender<()>>);

impl Patience {
    fn begin(folder: &Path) -> Self {
        let (done, waited) = channel();
        let folder = folder.display().to_string();
        std::thread::spawn(move || {
            if waited.recv_timeout(Duration::from_millis(700)) == Err(RecvTimeoutError::Timeout) {
                tell(format_args!("engine: building {folder}"));
            }
        });
        Self(Some(done))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        // The thread ends when nobody can tell it any more.
        self.0.take();
    }
}
