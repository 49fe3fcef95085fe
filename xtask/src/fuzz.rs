//! `cargo xtask fuzz`: foreign bytes of all kinds, to what reads them.
//!
//! Without a sanitizer, which would need a nightly Rust: the engine has two `unsafe` lines, and what is looked
//! for here is panics, hangs and broken promises.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::checkout::{Checkout, succeed};
use crate::steps::Steps;
use crate::suites::Form;
use crate::tools;

const TARGETS: [&str; 11] = [
    "calls",
    "checkpoint",
    "dead_letters",
    "folders",
    "http_peer",
    "outcome",
    "pipeline",
    "plugin",
    "result",
    "websocket_peer",
    "wire",
];

#[derive(Args)]
pub(crate) struct Fuzz {
    /// Seconds for each target
    #[arg(long, default_value = "60")]
    seconds: u32,
    /// Only these targets: calls, checkpoint, dead_letters, folders, http_peer, outcome, pipeline, plugin, result, websocket_peer, wire
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
}

impl Fuzz {
    /// All targets.
    pub(crate) fn of(form: Form) -> Self {
        Self { seconds: if form == Form::Full { 600 } else { 10 }, targets: Vec::new() }
    }

    pub(crate) fn run(&self, checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
        let fuzz = tools::installed(checkout, "cargo-fuzz", "0.13.2")?;
        let all = TARGETS.map(str::to_owned);
        let targets = if self.targets.is_empty() { &all[..] } else { &self.targets };
        for target in targets {
            steps.step(&format!("fuzzing of {target}, {} s", self.seconds), || {
                let folder = checkout.target.join("fuzz");
                // What is found stays here for the next time, beside the seeds.
                let corpus = folder.join("corpus").join(target);
                fs::create_dir_all(&corpus).with_context(|| format!("can't make {}", corpus.display()))?;
                let mut run = Command::new(&fuzz);
                run.args(["run", "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"]).arg(&folder);
                run.arg(target).arg(&corpus).arg(format!("fuzz/seeds/{target}"));
                run.args(["--", "-timeout=30", "-verbosity=0", "-print_funcs=0"]);
                if ["calls", "folders"].contains(&target.as_str()) {
                    run.env("ENGINE_CALLS", guest(checkout)?);
                }
                // Without a folder for it no compiled plugin is kept.
                run.env("RUST_BACKTRACE", "0").env("XDG_CACHE_HOME", "/dev/null");
                run.arg(format!("-max_total_time={}", self.seconds)).current_dir(&checkout.root);
                succeed(run)
            })?;
        }
        Ok(())
    }
}

/// Builds the guest that makes the calls which its records say, and tells where it is.
fn guest(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let workspace = "plugins/hostile";
    succeed(checkout.cargo_in(
        workspace,
        &["build", "--quiet", "--release", "--package", "calls", "--target", "wasm32-wasip2"],
    ))?;
    Ok(checkout.plugins_target(workspace).join("wasm32-wasip2/release/calls.wasm"))
}
