//! `cargo xtask bench`: builds the engine, its plugins and its rivals, and measures them by turns.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::checkout::{Checkout, succeed};
use crate::lint::WITH_BENCH;
use crate::nats;
use crate::steps::Steps;

/// The plugins that are measured: the name that the benchmark knows them by, and their folders.
const PLUGINS: [(&str, &str); 5] = [
    ("inc", "plugins/inc"),
    ("slow-inc", "plugins/slow-inc"),
    ("event", "bench/plugins/event"),
    ("identity", "bench/plugins/identity"),
    ("spin", "bench/plugins/spin"),
];

/// The peers' guests, each with the target that it is built for.
const GUESTS: [(&str, &str); 3] = [
    ("extism-guest", "wasm32-unknown-unknown"),
    ("fluvio-guest", "wasm32-wasip1"),
    ("arrow-udf-guest", "wasm32-wasip1"),
];

const PEERS: [&str; 3] = ["extism-peer", "fluvio-peer", "arrow-udf-peer"];

#[derive(Args)]
pub(crate) struct Bench {
    /// Only these cases; results are not written then
    cases: Vec<String>,
    /// A tenth of the records, three rounds; results are not written
    #[arg(long)]
    quick: bool,
    /// Without the other engines, which take twenty minutes to build the first time
    #[arg(long)]
    no_peers: bool,
}

impl Bench {
    pub(crate) fn run(&self, checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
        steps.step("the engine, its benchmark and plugins", || build(checkout))?;
        steps.step("the native rival", || build_native(checkout))?;
        steps.step("the broker of a cluster", || nats::fetch(checkout))?;
        if !self.no_peers {
            steps.step("rivals in WebAssembly", || build_peers(checkout))?;
            steps.step("rivals in Python", || build_dask(checkout))?;
        }
        steps.step("measuring", || self.measure(checkout))
    }

    fn measure(&self, checkout: &Checkout) -> anyhow::Result<()> {
        let mut bench = Command::new(checkout.target.join("release/bench"));
        bench.arg("measure").args(&self.cases).current_dir(&checkout.root);
        bench.arg("--engine").arg(checkout.target.join("release/engine"));
        bench.arg("--plugins").arg(plugins(checkout)).arg("--peers").arg(peers(checkout));
        bench.arg("--nats").arg(nats::program(checkout));
        bench.arg("--data").arg(checkout.target.join("tmp/bench-data"));
        if self.quick {
            bench.arg("--quick");
        }
        // What is quick or in part is to look at, and not to keep.
        if !self.quick && self.cases.is_empty() && !self.no_peers {
            bench.arg("--results").arg(checkout.root.join("bench/RESULTS.md"));
        }
        succeed(bench)
    }
}

/// Builds what is measured.
pub(crate) fn build(checkout: &Checkout) -> anyhow::Result<()> {
    succeed(checkout.cargo(&[&["build", "--release"], WITH_BENCH].concat()))?;
    build_plugins(checkout)
}

/// Where the plugins' components are put.
pub(crate) fn plugins(checkout: &Checkout) -> PathBuf {
    checkout.target.join("tmp/bench-plugins")
}

/// The target folder of all rivals.
fn peers(checkout: &Checkout) -> PathBuf {
    checkout.target.join("bench-peers")
}

/// Builds plugins as users do.
fn build_plugins(checkout: &Checkout) -> anyhow::Result<()> {
    std::fs::create_dir_all(plugins(checkout))?;
    for (name, folder) in PLUGINS {
        let mut build = Command::new(checkout.target.join("release/engine"));
        build.arg("build").arg(checkout.root.join(folder)).arg("--output");
        build.arg(plugins(checkout).join(name).with_extension("wasm"));
        build.env("CARGO_TARGET_DIR", checkout.target.join("tmp/bench-target"));
        succeed(build)?;
    }
    Ok(())
}

fn build_native(checkout: &Checkout) -> anyhow::Result<()> {
    let mut build = checkout.cargo(&["build", "--release", "--locked"]);
    build.current_dir(checkout.root.join("bench/peers/native")).env("CARGO_TARGET_DIR", peers(checkout));
    succeed(build)
}

fn build_peers(checkout: &Checkout) -> anyhow::Result<()> {
    for target in ["wasm32-unknown-unknown", "wasm32-wasip1"] {
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", target]);
        succeed(rustup)?;
    }
    let build = |folder: &str, what: &[&str]| {
        // A wasmtime that wants Rust 1.96 builds with 1.95.
        let mut build = checkout.cargo(&["build", "--release", "--locked", "--ignore-rust-version"]);
        build.args(what).current_dir(checkout.root.join(folder)).env("CARGO_TARGET_DIR", peers(checkout));
        succeed(build)
    };
    for (guest, target) in GUESTS {
        build("bench/peers/guests", &["-p", guest, "--target", target])?;
    }
    // One at a time, so that each has its own features.
    PEERS.iter().try_for_each(|peer| build("bench/peers", &["-p", peer]))
}

fn build_dask(checkout: &Checkout) -> anyhow::Result<()> {
    let environment = peers(checkout).join("dask-venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&environment);
        succeed(make)?;
    }
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    install.arg(checkout.root.join("bench/peers/dask/requirements.txt"));
    succeed(install)
}
