//! Adds one to numbers that are text with a SmartModule of Fluvio: in memory, or from a file to a file.

mod chain;
mod file;
mod memory;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use chain::Chain;

/// What engine's benchmarks do, with the engine of Fluvio
#[derive(Parser)]
struct Peer {
    /// The guest, compiled to WebAssembly
    guest: PathBuf,
    #[command(subcommand)]
    case: Case,
}

#[derive(Subcommand)]
enum Case {
    /// Add one to each record in memory, one record a call
    Single { records: u64 },
    /// Add one to each record in memory, in batches
    Batch { size: NonZeroUsize, records: u64 },
    /// Add one to each line of a file, in batches
    File { input: PathBuf, output: PathBuf, batch: NonZeroUsize },
}

fn main() -> anyhow::Result<()> {
    let Peer { guest, case } = Peer::parse();
    let mut chain = Chain::load(&guest)?;
    match case {
        Case::Single { records } => memory::run(&mut chain, NonZeroUsize::MIN, records),
        Case::Batch { size, records } => memory::run(&mut chain, size, records),
        Case::File { input, output, batch } => file::run(&mut chain, &input, &output, batch.get()),
    }
}
