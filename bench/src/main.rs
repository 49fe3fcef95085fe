//! Measures the engine side by side with its rivals. `cargo xtask bench` builds all of them first.

mod case;
mod cases;
mod cluster;
mod inputs;
mod machine;
mod measure;
mod places;
mod plot;
mod report;
mod sample;
mod work;

use clap::{Parser, Subcommand};

/// Measures the engine side by side with its rivals
#[derive(Parser)]
#[command(name = "bench")]
struct Bench {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures, and prints a table
    Measure(measure::Measure),
    /// The engine's program for a case that uses the library
    #[command(hide = true)]
    Work(work::Work),
    /// The engine's program for a case over a cluster
    #[command(hide = true)]
    Cluster(cluster::Cluster),
}

fn main() -> anyhow::Result<()> {
    match Bench::parse().task {
        Task::Measure(measure) => measure.execute(),
        Task::Work(work) => work.execute(),
        Task::Cluster(cluster) => cluster.execute(),
    }
}
