//! Format, rules of the house, clippy and documentation, of all workspaces.
//!
//! Packages that are built together share the features of their dependencies. So library and command are always
//! built together, and never with the guest SDK, and all in the release profile: wasmtime is then compiled once.

use crate::checkout::{Checkout, PLUGINS, succeed};
use crate::layers;
use crate::steps::Steps;
use crate::tidy;

/// The library, the command, and the code in the guide.
pub(crate) const ENGINE: &[&str] =
    &["--package", "engine-streams", "--package", "engine-cli", "--package", "engine-docs"];
/// The benchmark, with the same dependencies as these.
pub(crate) const WITH_BENCH: &[&str] =
    &["--package", "engine-streams", "--package", "engine-cli", "--package", "bench"];
pub(crate) const OTHER_PACKAGES: &[&str] = &[
    "--workspace",
    "--exclude",
    "engine-streams",
    "--exclude",
    "engine-cli",
    "--exclude",
    "engine-docs",
    "--exclude",
    "bench",
];

/// The root workspace in parts.
const PARTS: [&[&str]; 2] = [WITH_BENCH, OTHER_PACKAGES];

/// What clippy is not run on: rivals of the benchmark, what they share with its plugins, and fuzz targets.
const OTHERS: [&str; 5] = ["bench/event", "bench/peers", "bench/peers/guests", "bench/peers/native", "fuzz"];

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    rules(checkout, steps)?;
    compiled(checkout, steps)
}

/// What is read from the sources alone.
pub(crate) fn rules(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("format", || format(checkout))?;
    steps.step("tidy", || tidy::check(checkout))?;
    steps.step("layers", || layers::check(checkout))
}

/// What the compiler says, and rustdoc.
pub(crate) fn compiled(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("clippy", || clippy(checkout))?;
    steps.step("clippy of the plugins, for wasm32-wasip2", || clippy_of_plugins(checkout))?;
    steps.step("documentation", || documentation(checkout))
}

fn format(checkout: &Checkout) -> anyhow::Result<()> {
    succeed(checkout.cargo(&["fmt", "--all", "--check"]))?;
    let mut others = PLUGINS.iter().chain(&OTHERS);
    others.try_for_each(|workspace| succeed(checkout.cargo_in(workspace, &["fmt", "--all", "--check"])))
}

fn clippy(checkout: &Checkout) -> anyhow::Result<()> {
    // With what has a feature for it alone.
    let boundary = [WITH_BENCH, &["--features", "bench/boundary"]].concat();
    for part in [&boundary[..], OTHER_PACKAGES] {
        let args = [&["clippy", "--release", "--all-targets"], part, &["--", "-D", "warnings"]];
        succeed(checkout.cargo(&args.concat()))?;
    }
    Ok(())
}

fn clippy_of_plugins(checkout: &Checkout) -> anyhow::Result<()> {
    for workspace in PLUGINS {
        let args = ["clippy", "--release", "--workspace", "--all-targets", "--target", "wasm32-wasip2"];
        succeed(checkout.cargo_in(workspace, &[&args[..], &["--", "-D", "warnings"]].concat()))?;
    }
    Ok(())
}

fn documentation(checkout: &Checkout) -> anyhow::Result<()> {
    for part in PARTS {
        let mut doc = checkout.cargo(&[&["doc", "--release", "--no-deps"], part].concat());
        doc.env("RUSTDOCFLAGS", "-D warnings");
        succeed(doc)?;
    }
    Ok(())
}
