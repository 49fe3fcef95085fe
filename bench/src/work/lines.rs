//! Lines of a file through a function to another file, with and without limits.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use engine::plugin::Output;
use engine::{Pool, Source, sinks, sources};

#[derive(Args)]
pub(super) struct Lines {
    input: PathBuf,
    output: PathBuf,
    /// Without limits on what functions use
    #[arg(long)]
    without_limits: bool,
    /// Threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    pub(super) records: u64,
}

impl Lines {
    pub(super) fn measure(&self, plugin: &Path) -> anyhow::Result<Duration> {
        let builder = match self.threads {
            Some(threads) => Pool::builder().threads(threads),
            None => Pool::builder(),
        };
        let pool = if self.without_limits { builder.without_limits() } else { builder }.build()?;
        let function = pool.blocking_load(plugin)?.only_function::<Vec<u8>, Vec<u8>>()?;
        let input =
            File::open(&self.input).with_context(|| format!("can't read {}", self.input.display()))?;
        let file =
            File::create(&self.output).with_context(|| format!("can't write {}", self.output.display()))?;
        let output = Output::new(file);
        let source = Source::<Vec<u8>>::new();
        let mapped = source.stream().scatter(&pool).map(&function).buffer(pool.threads() * 131_072).gather();
        mapped.sink(sinks::lines(&output));
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime")?;
        let begun = Instant::now();
        runtime.block_on(async {
            sources::lines(input).emit_into(&source).await?;
            source.close().await
        })?;
        Ok(begun.elapsed())
    }
}
