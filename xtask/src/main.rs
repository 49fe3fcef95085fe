//! What a person or CI types: `cargo xtask test`, and parts of it.

mod advisories;
mod bench;
mod checkout;
mod examples;
mod fuzz;
mod guide;
mod house;
mod instructions;
mod layers;
mod lint;
mod nats;
mod packages;
mod published;
mod readme;
mod retired;
mod steps;
mod suites;
mod supply;
mod test;
mod tidy;
mod toolchain;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use checkout::Checkout;
use steps::Steps;
use suites::Tier;

/// Checks of the whole repository
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// What a person wants to know before a commit: format, rules of the house, tests and examples
    Test(suites::Suites),
    /// What CI checks beyond that: clippy, documents, fuzzing, licences, known holes, instructions
    Ci(suites::Suites),
    /// Format, rules of the house, layers, clippy and documentation, of all workspaces
    Lint,
    /// What deserves a look: imports between rooms, long files and functions, words with several meanings
    House,
    /// The commands of the README and of the guide, and what they say that is printed
    Readme,
    /// The guide as a book, in the target folder
    Guide,
    /// The engine beside its rivals: builds all of them, measures, and writes bench/RESULTS.md
    Bench(bench::Bench),
    /// Write advisories.toml again, the list of known vulnerabilities of crates
    Advisories(advisories::Advisories),
    /// Foreign bytes of all kinds, to what reads them
    Fuzz(fuzz::Fuzz),
    /// Instructions that records and starts take, against those that are known
    Instructions(instructions::Instructions),
}

#[expect(clippy::print_stderr, reason = "failures are printed here")]
fn main() -> ExitCode {
    match run(&Xtask::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> anyhow::Result<()> {
    let checkout = Checkout::find()?;
    let mut steps = Steps::default();
    match task {
        Task::Test(suites) => return suites.run(Tier::Test, &checkout),
        Task::Ci(suites) => return suites.run(Tier::Ci, &checkout),
        Task::Lint => {
            toolchain::complete(&checkout)?;
            lint::run(&checkout, &mut steps)?;
        }
        Task::House => return house::show(&checkout),
        Task::Readme => readme::run(&checkout, &mut steps)?,
        Task::Guide => guide::run(&checkout, &mut steps)?,
        Task::Bench(bench) => {
            toolchain::complete(&checkout)?;
            bench.run(&checkout, &mut steps)?;
        }
        Task::Advisories(advisories) => advisories.run(&checkout)?,
        Task::Fuzz(fuzz) => fuzz.run(&checkout, &mut steps)?,
        Task::Instructions(instructions) => {
            toolchain::complete(&checkout)?;
            instructions.run(&checkout, &mut steps)?;
        }
    }
    steps.finish();
    Ok(())
}
