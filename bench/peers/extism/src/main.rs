//! Adds one to numbers that are text with a plugin of Extism, one number in each call: a call takes one
//! input.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use extism::{CompiledPlugin, Plugin, PluginBuilder};
use measure::FIRST;

/// How many different numbers there are, taken again and again.
const NUMBERS: i64 = 8_192;

/// What engine's benchmarks do, with Extism
#[derive(Parser)]
struct Peer {
    /// The guest, compiled to WebAssembly
    guest: PathBuf,
    #[command(subcommand)]
    case: Case,
}

#[derive(Subcommand)]
enum Case {
    /// Add one to each record, one record a call
    Single { records: u64 },
    /// Make so many instances of a compiled plugin
    Start { instances: u32 },
}

fn main() -> anyhow::Result<()> {
    let Peer { guest, case } = Peer::parse();
    let wasm = fs::read(&guest).with_context(|| format!("can't read {}", guest.display()))?;
    let compiled = PluginBuilder::new(wasm).compile();
    let compiled = compiled.with_context(|| format!("can't compile {}", guest.display()))?;
    match case {
        Case::Single { records } => single(&compiled, records),
        Case::Start { instances } => start(&compiled, instances),
    }
}

fn single(compiled: &CompiledPlugin, records: u64) -> anyhow::Result<()> {
    let mut plugin = Plugin::new_from_compiled(compiled)?;
    let texts: Vec<String> = (FIRST..=FIRST + NUMBERS).map(|number| number.to_string()).collect();
    let mut pairs = texts.iter().zip(&texts[1..]).cycle();
    measure::measure(records, NonZeroUsize::MIN, || {
        let (number, next) = pairs.next().context("there are no numbers")?;
        let output: &str = plugin.call("inc", number)?;
        ensure!(output == next, "{number} became {output}");
        Ok(())
    })
}

/// Prints two times: until the instances were made, and until each had also given a first result.
/// Extism puts off some work of the first until the second.
fn start(compiled: &CompiledPlugin, instances: u32) -> anyhow::Result<()> {
    let make = || Plugin::new_from_compiled(compiled).map(drop);
    let use_once = || {
        let mut plugin = Plugin::new_from_compiled(compiled)?;
        let output: &str = plugin.call("inc", "41")?;
        ensure!(output == "42", "41 became {output}");
        Ok(())
    };
    repeat(instances / 10 + 1, use_once)?;
    let made = repeat(instances, make)?.as_secs_f64();
    let used = repeat(instances, use_once)?.as_secs_f64();
    println!(r#"{{"records":{instances},"seconds":{made},"seconds_with_first_call":{used}}}"#);
    Ok(())
}

fn repeat(times: u32, action: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    (0..times).try_for_each(|_| action())?;
    Ok(start.elapsed())
}
