//! Measures the engine side by side with its rivals.

mod work;

use clap::{Parser, Subcommand};

/// Measures the engine side by side with its rivals
#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The engine's own part in a case that goes through the library
    #[command(hide = true)]
    Work(work::Work),
}

fn main() -> anyhow::Result<()> {
    match Bench::parse().task {
        Task::Work(work) => work.execute(),
    }
}
