//! The Rust that builds plugins, with their target.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, anyhow, bail, ensure};

use super::environment;
use crate::exit::tell;

/// What plugins are compiled to.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// The user's own toolchain, whatever a crate asks for.
pub(super) struct Toolchain {
    /// Where its programs and libraries are.
    pub(super) root: PathBuf,
    /// The kind of machine that it runs on.
    pub(super) host: String,
}

impl Toolchain {
    /// Finds it, and adds the target for plugins if it is missing.
    pub(super) fn find() -> anyhow::Result<Self> {
        // A crate's folder may name another toolchain, even one of its own.
        let neutral = Path::new("/");
        add_target(neutral)?;
        let root = PathBuf::from(rustc(&["--print", "sysroot"], neutral)?.trim());
        ensure!(root.join("bin/cargo").is_file(), "there is no cargo in {}", root.display());
        let version = rustc(&["-vV"], neutral)?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self { root, host: host.context("rustc -vV names no host")?.to_owned() })
    }
}

/// What rustc prints.
fn rustc(args: &[&str], folder: &Path) -> anyhow::Result<String> {
    let mut rustc = environment::command("rustc");
    let printed = rustc.args(args).current_dir(folder).stderr(Stdio::inherit()).output();
    let printed = printed.map_err(|error| cant_run("rustc", error))?;
    ensure!(printed.status.success(), "`rustc {}` failed", args.join(" "));
    Ok(String::from_utf8_lossy(&printed.stdout).into_owned())
}

/// Adds the wasm target to the crate's toolchain, if it is missing.
pub(super) fn add_target(folder: &Path) -> anyhow::Result<()> {
    let mut rustc = environment::command("rustc");
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
    let added = environment::command("rustup").args(["target", "add", TARGET]).current_dir(folder).status();
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
pub(super) fn cant_run(program: &str, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow!("there is no {program}: install Rust from https://rustup.rs"),
        _ => anyhow::Error::new(error).context(format!("can't run {program}")),
    }
}
