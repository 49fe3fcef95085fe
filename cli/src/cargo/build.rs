//! Building a plugin crate with cargo.

use std::io::{BufReader, IsTerminal};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use cargo_metadata::{Message, Target};
use engine::files;

use super::manifest::Manifest;
use super::toolchain::{add_target, cant_run};
use super::{Built, INLINE, TARGET, built, environment};
use crate::exit::tell;
use crate::threads;

/// Builds the crate in `folder`; what did not change is not built again. Cargo's messages go to stderr.
pub(crate) fn build(folder: &Path, quiet: bool) -> anyhow::Result<Built> {
    // A crate of another kind may take minutes to build before it turns out to be none.
    Manifest::read(folder)?;
    add_target(folder)?;
    let mut command = environment::command("cargo");
    command.args(["rustc", "--release", "--lib", "--target", TARGET]).current_dir(folder);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    // Only a terminal shows it, so that a script's stderr stays empty.
    let _patience = (quiet && std::io::stderr().is_terminal()).then(|| Patience::begin(folder));
    if quiet {
        command.arg("--quiet");
    } else if built::find(folder).is_err() {
        tell(format_args!("{}", building(folder)));
    }
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
    let ended = child.wait().context("can't wait for cargo")?;
    ensure!(ended.code().is_some(), "{} is not built: cargo was killed ({ended})", folder.display());
    ensure!(ended.success(), "{} does not build", folder.display());
    built.with_context(|| {
        format!("{} is no plugin crate: its [lib] needs crate-type = [\"cdylib\"]", folder.display())
    })
}

/// What is said when a build begins.
fn building(folder: &Path) -> String {
    format!(
        "engine: building {}: its build scripts and macros run as you (a stranger's: engine build --sandbox)",
        folder.display()
    )
}

/// Makes a component that need not be built again newer than its sources, for commands that compare times.
fn touch(wasm: &Path) {
    // If it can't be, it is built before it is looked at once more than needed.
    let _ = files::create(wasm, files::Mode::Append, &|| false)
        .and_then(|wasm| wasm.set_modified(SystemTime::now()));
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
    wasm.filter(|_| own).map(|wasm| Built { wasm: wasm.into(), name, _folder: None })
}

/// Says that a build takes a while, if it does.
struct Patience {
    /// The thread ends when this is dropped.
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Patience {
    fn begin(folder: &Path) -> Self {
        let (done, waited) = channel();
        let told = building(folder);
        // If the thread can't be started, only its message is lost.
        let thread = threads::start("engine-patience", move || {
            if waited.recv_timeout(Duration::from_millis(700)) == Err(RecvTimeoutError::Timeout) {
                tell(format_args!("{told}"));
            }
        });
        Self { done: Some(done), thread: thread.ok() }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.done.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
