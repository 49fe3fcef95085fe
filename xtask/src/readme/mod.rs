//! The README's commands: run as they stand, in a copy of the repository.
//!
//! Blocks marked `sh` are commands, all of which must succeed. Blocks marked `console` hold commands
//! after `$ `, each followed by what it prints, which is compared. One shell runs them all, in their
//! order. Other blocks are for reading.

mod blocks;
mod copy;
mod lines;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context, bail, ensure};

use crate::checkout::Checkout;
use crate::steps::Steps;
use blocks::Command;

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("the README's commands", || check(checkout))
}

fn check(checkout: &Checkout) -> anyhow::Result<()> {
    let readme = fs::read_to_string(checkout.root.join("README.md")).context("can't read README.md")?;
    let commands = blocks::commands(&readme);
    ensure!(!commands.is_empty(), "README.md shows no commands");
    let folder = checkout.target.join("tmp/readme");
    let copy = folder.join("engine");
    copy::refresh(checkout, &copy)?;
    let printed = emptied(&folder)?;
    let succeeded = shell(&script(&commands), &copy, &printed)?;
    for (index, command) in commands.iter().enumerate() {
        // The shell ends with the command that fails, so that the last file is its.
        let file = printed.join(index.to_string());
        let text = fs::read(&file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let last = !printed.join((index + 1).to_string()).exists();
        compare(command, &text.unwrap_or_default(), succeeded || !last)?;
    }
    Ok(())
}

/// A new folder for what the commands print.
fn emptied(folder: &Path) -> anyhow::Result<PathBuf> {
    let printed = folder.join("printed");
    if printed.exists() {
        fs::remove_dir_all(&printed).with_context(|| format!("can't empty {}", printed.display()))?;
    }
    fs::create_dir_all(&printed).with_context(|| format!("can't make {}", printed.display()))?;
    Ok(printed)
}

/// Each command with its output in a file of its own; it sees the folders and variables that those
/// before it left.
fn script(commands: &[Command]) -> String {
    let mut script = String::new();
    for (index, Command { line, text, .. }) in commands.iter().enumerate() {
        let _ = writeln!(script, "echo 'README.md:{line}'\n{{\n{text}\n}} > \"$PRINTED/{index}\" 2>&1");
    }
    script
}

fn shell(script: &str, folder: &Path, printed: &Path) -> anyhow::Result<bool> {
    // `cargo install` puts the command here, and not among the caller's own.
    let installed = printed.with_file_name("installed");
    let mut shell = Process::new("sh");
    shell.args(["-eu", "-c", script]).current_dir(folder).stdin(Stdio::null());
    shell.env("PATH", path_with(&installed.join("bin"))?).env("CARGO_INSTALL_ROOT", &installed);
    // A target folder of its own: cargo tells packages apart by their path within the workspace, so that
    // in a common one the copy's crates would pass for the checkout's.
    shell.env("CARGO_TARGET_DIR", printed.with_file_name("target")).env("PRINTED", printed);
    Ok(shell.status().context("can't run sh")?.success())
}

fn path_with(folder: &Path) -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&path));
    env::join_paths(folders).context("the target folder's name can't be in PATH")
}

fn compare(command: &Command, printed: &str, succeeded: bool) -> anyhow::Result<()> {
    let Command { line, text, output } = command;
    ensure!(succeeded, "README.md:{line} fails:\n{text}\n{printed}");
    let Some(expected) = output else { return Ok(()) };
    let actual: Vec<_> = printed.lines().collect();
    if !lines::fit(expected, &actual) {
        let expected = expected.join("\n");
        bail!("README.md:{line} prints something else:\n{text}\n\nit says\n{expected}\n\nit is\n{printed}");
    }
    Ok(())
}
