//! Programs as users of the library write them, timed from inside: each prints one line of JSON.

mod chain;
mod lines;
mod local;
mod neighbour;
mod round_trip;
mod single;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use engine::{Function, Pool};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct Work {
    /// The plugin, which adds one to an integer
    plugin: PathBuf,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Lines of a file to another one, on all cores
    Lines(lines::Lines),
    /// A pipeline that shares its pool with another one
    Neighbour(neighbour::Neighbour),
    #[command(flatten)]
    Elements(Elements),
}

/// One element at a time, with a runtime of the caller's.
#[derive(Subcommand)]
enum Elements {
    /// One record per call, on one instance
    Single { records: u64 },
    /// Emit to sink through closures, nothing scattered
    Local {
        records: u64,
        /// How many in a row
        #[arg(long, default_value_t = 1)]
        maps: u64,
    },
    /// Emit to sink through scatter, map, buffer and gather, element by element
    Chain {
        records: u64,
        #[arg(long, default_value_t = 8)]
        buffer: usize,
        /// Emit on the main thread, which is not one of the runtime's
        #[arg(long)]
        main: bool,
    },
    /// The time of one element from emit to sink, when nothing else is in flight
    RoundTrip { records: u64 },
}

impl Work {
    #[expect(clippy::print_stdout, reason = "the figures are what it is for")]
    pub(crate) fn execute(&self) -> anyhow::Result<()> {
        let figures = match &self.kind {
            Kind::Lines(lines) => rate(lines.records, lines.measure(&self.plugin)?),
            Kind::Neighbour(neighbour) => {
                let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
                rate(neighbour.records, runtime.block_on(neighbour.measure())?)
            }
            Kind::Elements(elements) => {
                let pool = Pool::new()?;
                let inc = pool.blocking_load(&self.plugin)?.only_function::<i64, i64>()?;
                let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
                runtime.block_on(elements.measure(&pool, &inc))?
            }
        };
        println!("{figures}");
        Ok(())
    }
}

impl Elements {
    async fn measure(&self, pool: &Pool, inc: &Function<i64, i64>) -> anyhow::Result<Value> {
        Ok(match *self {
            Self::Single { records } => rate(records, single::measure(inc, records).await?),
            Self::Local { records, maps } => rate(records, local::measure(maps, records).await?),
            Self::Chain { records, buffer, main: true } => {
                rate(records, chain::measure(pool, inc, records, buffer).await?)
            }
            Self::Chain { records, buffer, main: false } => {
                let (pool, inc) = (pool.clone(), inc.clone());
                let task = tokio::spawn(async move { chain::measure(&pool, &inc, records, buffer).await });
                rate(records, task.await.context("it panicked")??)
            }
            Self::RoundTrip { records } => round_trip::measure(pool, inc, records).await?,
        })
    }
}

fn rate(records: u64, time: Duration) -> Value {
    json!({ "records": records, "seconds": time.as_secs_f64() })
}
