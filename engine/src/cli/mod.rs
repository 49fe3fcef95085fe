//! The commands, a file each.

mod args;
mod build;
mod cargo;
mod check;
mod checkpoint;
mod compile;
mod completions;
mod exit;
mod faults;
mod graph;
mod inspect;
mod keeper;
mod limits;
mod new;
mod plugins;
mod progress;
mod run;
mod schema;
mod signals;
mod summary;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Stream processing with functions that nobody has to trust.
///
/// Functions are compiled to WebAssembly and run in sandboxes that can do nothing they were not
/// given: in order, side by side, and without losing a record.
#[derive(Parser)]
#[command(name = "engine", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Engine {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  engine new inc                         a plugin crate to begin with
  engine build inc                       its component, inc.wasm
  engine inspect inc.wasm                what is in it
  seq 1 10 | engine run --plugin inc.wasm
  engine check pipeline.toml             what is wrong with a pipeline file
  engine run pipeline.toml

Exit codes: 0 done, 1 the run failed, 2 wrong use, 130 or 143 interrupted";

#[derive(Subcommand)]
enum Command {
    Run(Box<run::RunCommand>),
    #[command(hide = true)]
    Compile(compile::CompileCommand),
    New(new::NewCommand),
    Build(build::BuildCommand),
    Inspect(inspect::InspectCommand),
    Check(check::CheckCommand),
    Graph(graph::GraphCommand),
    Schema(schema::SchemaCommand),
    Completions(completions::CompletionsCommand),
}

impl Engine {
    pub(crate) fn execute(self) -> ExitCode {
        exit::report(match self.command {
            Command::Run(command) => command.execute(),
            Command::Compile(command) => command.execute(),
            Command::New(command) => command.execute(),
            Command::Build(command) => command.execute(),
            Command::Inspect(command) => command.execute(),
            Command::Check(command) => command.execute(),
            Command::Graph(command) => command.execute(),
            Command::Schema(command) => command.execute(),
            Command::Completions(command) => command.execute(),
        })
    }
}

/// A runtime on this thread alone.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("can't start")
}
