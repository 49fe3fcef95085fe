//! `cargo xtask instructions`: counts what must not creep up, with callgrind. Unlike time, the count
//! hardly depends on what else the machine does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::bench;
use crate::checkout::Checkout;
use crate::steps::Steps;

/// The counts when they were last accepted.
const KNOWN: &str = "bench/instructions.txt";

/// The share of the known count by which a count may exceed it.
const TOLERANCE: f64 = 0.05;

#[derive(Args)]
pub(crate) struct Instructions {
    /// Take the new counts for right, and write them to bench/instructions.txt
    #[arg(long)]
    write: bool,
}

impl Instructions {
    pub(crate) fn run(&self, checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
        steps.step("instructions", || {
            bench::build(checkout)?;
            let counted = count_all(checkout)?;
            if self.write {
                return write(checkout, &counted);
            }
            compare(checkout, &counted)
        })
    }
}

/// The same as a part of all tests: skipped where the counts mean nothing.
#[expect(clippy::print_stdout, reason = "what is skipped is shown")]
pub(crate) fn check(checkout: &Checkout, steps: &mut Steps) -> anyhow::Result<()> {
    let reason = if !has_valgrind() {
        "there is no valgrind"
    } else if !cfg!(target_arch = "x86_64") {
        "the known counts are of x86-64"
    } else {
        return Instructions { write: false }.run(checkout, steps);
    };
    println!("\n== instructions: skipped, {reason}");
    Ok(())
}

fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Instructions a record, of the ways that a record can take; and of a start.
fn count_all(checkout: &Checkout) -> anyhow::Result<BTreeMap<String, u64>> {
    let input = |records: u64| -> anyhow::Result<PathBuf> {
        let path = checkout.target.join("tmp").join(format!("counted-{records}"));
        let mut text = String::new();
        (0..records).try_for_each(|x| writeln!(text, "{}", 10_000_000 + x))?;
        fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        Ok(path)
    };
    let inc = bench::plugins(checkout).join("inc.wasm");
    let run = |records: u64, options: &[&str]| -> anyhow::Result<u64> {
        let mut command = valgrind(checkout.target.join("release/engine"), options);
        command.args(["run", "--threads", "1", "--output", "/dev/null", "--plugin"]).arg(&inc);
        count(command.arg("--input").arg(input(records)?))
    };
    let emit = |way: &str, records: u64| -> anyhow::Result<u64> {
        let mut command = valgrind(checkout.target.join("release/bench"), &[]);
        count(command.arg("work").arg(&inc).arg(way).arg(records.to_string()))
    };
    // The first run compiles the plugin for the processor that valgrind plays, in a child.
    run(1, &["--trace-children=yes"])?;
    let mut counted = BTreeMap::new();
    counted.insert("start".to_owned(), run(1, &[])?);
    // It warms up with a tenth more. Batches are not counted: how large they are depends on time.
    let single = (emit("single", 30_000)? - emit("single", 10_000)?) / 22_000;
    counted.insert("record in a call of its own".to_owned(), single);
    Ok(counted)
}

fn valgrind(program: PathBuf, options: &[&str]) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(options).arg(program);
    command
}

/// Runs it, and reads how many instructions it took.
fn count(command: &mut Command) -> anyhow::Result<u64> {
    let output = command.output().context("can't run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed:\n{said}");
    let count = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    count
        .and_then(|count| count.trim().parse().ok())
        .with_context(|| format!("valgrind did not count:\n{said}"))
}

fn write(checkout: &Checkout, counted: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let lines: String = counted.iter().map(|(name, count)| format!("{count:>10} {name}\n")).collect();
    fs::write(checkout.root.join(KNOWN), lines).with_context(|| format!("can't write {KNOWN}"))
}

#[expect(clippy::print_stdout, reason = "the counts are worth seeing")]
fn compare(checkout: &Checkout, counted: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(checkout.root.join(KNOWN)).with_context(|| format!("can't read {KNOWN}"))?;
    let mut known: BTreeMap<_, _> = parse(&text)?;
    let mut more = Vec::new();
    for (name, count) in counted {
        let before = known.remove(name.as_str()).with_context(|| format!("{KNOWN} has no {name:?}"))?;
        println!("{name}: {count} instructions, {before} before");
        if *count as f64 > before as f64 * (1.0 + TOLERANCE) {
            more.push(name.as_str());
        }
    }
    if !more.is_empty() {
        bail!(
            "more instructions than before for {}: if that is worth it, say why in the commit, and write the new \
             counts with `cargo xtask instructions --write`",
            more.join(", ")
        );
    }
    Ok(())
}

/// Lines with a count and a name.
fn parse(text: &str) -> anyhow::Result<BTreeMap<&str, u64>> {
    text.lines()
        .map(|line| {
            let (count, name) =
                line.trim_start().split_once(' ').with_context(|| format!("{KNOWN}: {line:?}"))?;
            Ok((name, count.parse().with_context(|| format!("{KNOWN}: {line:?}"))?))
        })
        .collect()
}
