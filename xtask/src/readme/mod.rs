//! The commands of the README and of the guide: run as they stand, in a copy of the repository.
//!
//! Blocks marked `sh` are commands, all of which must succeed. Blocks marked `console` hold commands
//! after `$ `, each followed by what it prints, which is compared; blocks marked `toml,FILE.toml` are files.
//! One shell runs those of a page, in their order. Other blocks are for reading.

mod blocks;
mod copy;
mod lines;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context, bail, ensure};

use crate::checkout::Checkout;
use crate::steps::Steps;
use blocks::Command;

/// Where the guide's pages are, and the order of them.
const GUIDE: &str = "docs/guide/src";

/// Where `cargo install` puts the command. It is new each time, as on a machine that has none.
const INSTALLED: &str = "installed";

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    let copy = checkout.target.join("tmp/readme/engine");
    steps.step("the README's commands", || {
        copy::refresh(checkout, &copy)?;
        remove(&copy.with_file_name(INSTALLED))?;
        check(checkout, &copy, "README.md")
    })?;
    // The README's have installed the command. What else they left is none of the guide's.
    steps.step("the guide's commands", || {
        copy::refresh(checkout, &copy)?;
        let summary = read(checkout, &format!("{GUIDE}/SUMMARY.md"))?;
        let check = |page| check(checkout, &copy, &format!("{GUIDE}/{page}"));
        let failures: Vec<_> = pages(&summary).filter_map(|page| check(page).err()).collect();
        let report = failures.iter().map(|failure| format!("{failure:#}")).collect::<Vec<_>>().join("\n\n");
        ensure!(failures.is_empty(), "{report}");
        Ok(())
    })
}

/// The pages that a book's summary names.
fn pages(summary: &str) -> impl Iterator<Item = &str> {
    summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|page| page.ends_with(".md"))
}

fn read(checkout: &Checkout, page: &str) -> anyhow::Result<String> {
    fs::read_to_string(checkout.root.join(page)).with_context(|| format!("can't read {page}"))
}

fn check(checkout: &Checkout, copy: &Path, page: &str) -> anyhow::Result<()> {
    let text = read(checkout, page)?;
    let commands = blocks::commands(&text);
    if commands.is_empty() {
        return Ok(());
    }
    let printed = emptied(&checkout.target.join("tmp/readme"))?;
    // Plugins of one name are built to one file, and cargo does not see that another crate has written it since.
    remove(&checkout.target.join("wasm32-wasip2"))?;
    let succeeded = shell(&script(page, &commands), copy, &printed, &checkout.target)?;
    for (index, command) in commands.iter().enumerate() {
        // The shell ends with the command that fails, so that the last file is its.
        let file = printed.join(index.to_string());
        let text = fs::read(&file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let last = !printed.join((index + 1).to_string()).exists();
        compare(page, command, &text.unwrap_or_default(), succeeded || !last)?;
    }
    Ok(())
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// A new folder for what the commands print.
fn emptied(folder: &Path) -> anyhow::Result<PathBuf> {
    let printed = folder.join("printed");
    remove(&printed)?;
    fs::create_dir_all(&printed).with_context(|| format!("can't make {}", printed.display()))?;
    Ok(printed)
}

/// Each command with its output in a file of its own; it sees the folders and variables that those
/// before it left.
fn script(page: &str, commands: &[Command]) -> String {
    let mut script = String::new();
    for (index, Command { line, text, .. }) in commands.iter().enumerate() {
        let _ = writeln!(script, "echo '{page}:{line}'\n{{\n{text}\n}} > \"$PRINTED/{index}\" 2>&1");
    }
    script
}

fn shell(script: &str, folder: &Path, printed: &Path, target: &Path) -> anyhow::Result<bool> {
    // `cargo install` puts the command here, and not among the caller's own.
    let installed = printed.with_file_name(INSTALLED);
    let mut shell = Process::new("sh");
    shell.args(["-eu", "-c", script]).current_dir(folder).stdin(Stdio::null());
    shell.env("PATH", path_with(&installed.join("bin"))?).env("CARGO_INSTALL_ROOT", &installed);
    // Cargo tells packages apart by their path within the workspace, so that the copy's crates pass for the
    // checkout's: they are the same, and nothing is built twice.
    shell.env("CARGO_TARGET_DIR", target).env("PRINTED", printed);
    Ok(shell.status().context("can't run sh")?.success())
}

fn path_with(folder: &Path) -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&path));
    env::join_paths(folders).context("the target folder's name can't be in PATH")
}

fn compare(page: &str, command: &Command, printed: &str, succeeded: bool) -> anyhow::Result<()> {
    let Command { line, text, output } = command;
    ensure!(succeeded, "{page}:{line} fails:\n{text}\n{printed}");
    let Some(expected) = output else { return Ok(()) };
    let actual: Vec<_> = printed.lines().collect();
    if !lines::fit(expected, &actual) {
        let expected = expected.join("\n");
        bail!("{page}:{line} prints something else:\n{text}\n\nit says\n{expected}\n\nit is\n{printed}");
    }
    Ok(())
}
