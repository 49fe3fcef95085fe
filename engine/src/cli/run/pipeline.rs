//! `engine run pipeline.toml`: the graph that a file describes.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use engine::pipeline::Pipeline;
use engine::{Counts, Error};
use tokio_util::sync::CancellationToken;

use super::{fault_of, printer};
use crate::cli::exit::{Ending, RunFailed, tell};
use crate::cli::limits::compiling_pool;
use crate::cli::progress::Progress;
use crate::cli::summary::{Summary, counted};
use crate::cli::{check, runtime, signals};

/// How a pipeline's run is told.
#[derive(Clone, Copy)]
pub(super) struct Messages {
    pub(super) quiet: bool,
    pub(super) json: bool,
}

/// Runs the pipeline of a file.
pub(super) fn run(path: &Path, messages: Messages) -> anyhow::Result<Ending> {
    let known = ["-q", "--quiet", "--json", "--"];
    let strange = std::env::args().skip(2).find(|arg| arg.starts_with('-') && !known.contains(&arg.as_str()));
    if let Some(flag) = strange {
        ensure!(false, "{flag} does not go with a pipeline file: say it in {}", path.display());
    }
    let interrupted = signals::interrupts()?;
    let progress = Progress::hidden();
    let pool = compiling_pool()?.on_print(printer(progress.bar()));
    let Some(mut pipeline) = check::open(path, pool)? else { return Ok(Ending::Mistakes) };
    let sources = pipeline.sources();
    let counts = move || sources.iter().map(|source| source.counts()).fold(Counts::default(), Counts::plus);
    let counts = Arc::new(counts);
    let to_stdout = pipeline.writes_to_stdout();
    if !messages.json {
        progress.show(counts.clone(), messages.quiet, to_stdout);
    }
    let begun = Instant::now();
    let ended = runtime()?.block_on(async {
        let stop = CancellationToken::new();
        let signal = async {
            interrupted.wait().await;
            stop.cancel();
            let unfinished = counts().unfinished;
            if unfinished > 0 && !messages.quiet {
                let records = counted(unfinished, "record");
                tell(format_args!("engine: interrupted: finishing {records}; a second Ctrl-C aborts"));
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = pipeline.run(&stop) => ended,
            () = signal => Ok(()),
        }
    });
    progress.end();
    summarize(&pipeline, counts(), begun, ended.as_ref().err(), messages);
    if let (records, Some(first)) = pipeline.left_out()
        && !messages.quiet
        && !messages.json
    {
        tell(format_args!("engine: {} left out, the first: {first}", counted(records, "record")));
    }
    let put_aside = pipeline.put_aside().into_iter().filter(|(_, records)| *records > 0);
    let mut put_aside: Vec<_> = put_aside.map(|(file, records)| (file.to_owned(), records)).collect();
    // The last of them is told by the ending, if nothing else is.
    let ended_well = ended.is_ok() && !interrupted.initialized();
    let last = ended_well.then(|| put_aside.pop()).flatten();
    for (file, records) in put_aside {
        tell(format_args!("engine: {} put aside in {}", counted(records, "record"), file.display()));
    }
    let put_aside = last;
    ended.map_err(|error| RunFailed { error, place: None })?;
    if let Some(signal) = interrupted.get() {
        return Ok(Ending::Interrupted { signal: *signal, goes_on: false });
    }
    Ok(put_aside.map_or(Ending::Done, |(file, records)| Ending::PutAside { records, file }))
}

fn summarize(
    pipeline: &Pipeline,
    counts: Counts,
    begun: Instant,
    error: Option<&Error>,
    Messages { quiet, json }: Messages,
) {
    let summary = Summary {
        counts,
        time: begun.elapsed(),
        pool: pipeline.pool().usage(),
        functions: pipeline.usage(),
        plugins: pipeline.plugins().iter().collect(),
        fault: error.and_then(fault_of),
    };
    if json {
        tell(format_args!("{}", summary.json()));
    } else if !quiet && crate::cli::progress::is_watched(pipeline.writes_to_stdout()) {
        tell(format_args!("{}", summary.text()));
    }
}
