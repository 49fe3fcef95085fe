//! The work of engine's benchmarks as a native program: no sandbox, no graph, a function that is called
//! in a loop. This file only reads the command line; each case has a file in `cases`.

mod cases;
mod pipeline;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What engine's benchmarks do, natively
#[derive(Parser)]
struct Native {
    #[command(subcommand)]
    case: Case,
}

#[derive(Subcommand)]
enum Case {
    /// Add one to the number on each line
    Inc(Files),
    /// Change the event that is each line's JSON
    Json(Files),
    /// Add one to numbers in memory, in one thread
    LoopInc { records: u64 },
    /// Write events, a line of JSON each, always the same
    GenJson { records: u64 },
}

#[derive(Args)]
struct Files {
    input: PathBuf,
    output: PathBuf,
    threads: NonZeroUsize,
}

fn main() -> anyhow::Result<()> {
    match Native::parse().case {
        Case::Inc(Files { input, output, threads }) => {
            pipeline::run(&input, &output, threads, cases::inc::lines)
        }
        Case::Json(Files { input, output, threads }) => {
            pipeline::run(&input, &output, threads, cases::json::lines)
        }
        Case::LoopInc { records } => cases::loop_inc::run(records),
        Case::GenJson { records } => cases::gen_json::run(records),
    }
}
