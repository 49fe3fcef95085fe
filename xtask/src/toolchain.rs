//! What a fresh Rust may lack: the target of plugins, clippy and rustfmt. Rustup adds it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::checkout::{Checkout, succeed};

const TARGET: &str = "wasm32-wasip2";

/// Adds what is missing, and says so.
pub(crate) fn complete(checkout: &Checkout) -> anyhow::Result<()> {
    if !has_target(checkout)? {
        add(checkout, &["target", "add", TARGET])?;
    }
    for (tool, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if !answers(checkout, tool) {
            add(checkout, &["component", "add", component])?;
        }
    }
    Ok(())
}

fn has_target(checkout: &Checkout) -> anyhow::Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(&checkout.root);
    let printed = rustc.output().context("can't run rustc: install Rust with rustup")?;
    ensure!(printed.status.success(), "this Rust does not know {TARGET}: run `rustup update`");
    Ok(Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir())
}

/// Whether a tool is there; rustup's stand-ins for what is missing fail.
fn answers(checkout: &Checkout, tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").current_dir(&checkout.root);
    command.output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stdout, reason = "downloads are shown")]
fn add(checkout: &Checkout, args: &[&str]) -> anyhow::Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.args(args).current_dir(&checkout.root);
    println!("rustup {}", args.join(" "));
    succeed(rustup)
}
