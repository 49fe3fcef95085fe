//! The examples of the library: what they print.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::checkout::{Checkout, show, succeed};
use crate::steps::Steps;

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    let slow_inc = checkout.target.join("tmp/slow-inc.wasm");
    steps.step("a plugin for the examples", || build(checkout, "plugins/slow-inc", &slow_inc))?;
    let numbers: String = (1..=10).map(|x| format!("{x}\n")).collect();
    for name in ["local", "scattered"] {
        steps.step(&format!("example {name}"), || check(checkout, name, &slow_inc, &numbers))?;
    }
    Ok(())
}

fn build(checkout: &Checkout, folder: &str, output: &Path) -> anyhow::Result<()> {
    let args = ["run", "--quiet", "--release", "--package", "engine-cli", "--", "build", folder, "--output"];
    let mut build = checkout.cargo(&args);
    build.arg(output);
    succeed(build)
}

fn check(checkout: &Checkout, name: &str, plugin: &Path, expected: &str) -> anyhow::Result<()> {
    let args = ["run", "--quiet", "--release", "--example", name, "--"];
    let mut example = checkout.cargo(&args);
    example.arg(plugin);
    let printed = stdout(example)?;
    ensure!(printed == expected, "the example {name} printed\n{printed}and not\n{expected}");
    Ok(())
}

fn stdout(mut command: Command) -> anyhow::Result<String> {
    let shown = show(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't run `{shown}`"))?;
    ensure!(output.status.success(), "`{shown}` failed");
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed what is no text"))
}
