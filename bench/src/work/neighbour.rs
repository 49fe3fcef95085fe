//! A pipeline that shares its pool with another one, which always has work.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use engine::{Error, Function, Pool, Source, sources};

#[derive(Args)]
pub(super) struct Neighbour {
    /// A function that keeps a processor busy with each number
    plugin: PathBuf,
    /// Without the other pipeline
    #[arg(long)]
    alone: bool,
    pub(super) records: u64,
}

/// A pipeline through `spin`, fed with this many lines; it asks `go_on` from time to time.
async fn run(pool: Pool, spin: Function<u64, u64>, lines: usize, go_on: &AtomicBool) -> Result<(), Error> {
    let source = Source::<u64>::new();
    source.stream().scatter(&pool).map(&spin).buffer(10_000).gather().sink(|_: u64| {});
    let text = "1\n".repeat(lines);
    loop {
        sources::lines(Cursor::new(text.clone())).emit_into(&source).await?;
        if !go_on.load(Relaxed) {
            return source.close().await;
        }
    }
}

impl Neighbour {
    pub(super) async fn measure(&self) -> anyhow::Result<Duration> {
        let pool = Pool::new()?;
        let function = || pool.blocking_load(&self.plugin)?.only_function::<u64, u64>();
        let busy = Arc::new(AtomicBool::new(!self.alone));
        let (others, theirs, go_on) = (pool.clone(), function()?, busy.clone());
        let other = tokio::spawn(async move {
            if go_on.load(Relaxed) { run(others, theirs, 10_000, &go_on).await } else { Ok(()) }
        });
        let begun = Instant::now();
        run(pool.clone(), function()?, usize::try_from(self.records)?, &AtomicBool::new(false)).await?;
        let time = begun.elapsed();
        busy.store(false, Relaxed);
        other.await.context("it panicked")??;
        Ok(time)
    }
}
