//! Format, rules of the house, clippy and documentation, of all workspaces.
//!
//! All in the release profile, and the engine apart from the other packages: what they depend on is
//! then built once for all steps. (Packages that are built together share their features: beside the
//! guest SDK the engine would need another wasmtime than alone.)

use crate::checkout::{Checkout, PLUGINS, succeed};
use crate::layers;
use crate::steps::Steps;
use crate::tidy;

/// The library and the command: what they depend on has the same features whichever of the two is built.
pub(crate) const ENGINE: &[&str] = &["--package", "engine", "--package", "engine-cli"];
pub(crate) const BENCH: &[&str] = &["--package", "bench"];
pub(crate) const OTHER_PACKAGES: &[&str] =
    &["--workspace", "--exclude", "engine", "--exclude", "engine-cli", "--exclude", "bench"];

/// The root workspace in parts.
const PARTS: [&[&str]; 3] = [ENGINE, BENCH, OTHER_PACKAGES];

/// What clippy is not run on: rivals of the benchmark, what they share with its plugins, and fuzz targets.
const OTHERS: [&str; 5] = ["bench/event", "bench/peers", "bench/peers/guests", "bench/peers/native", "fuzz"];

pub(crate) fn run(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("format", || format(checkout))?;
    steps.step("tidy", || tidy::check(checkout))?;
    steps.step("layers", || layers::check(checkout))?;
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
    for part in PARTS {
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
