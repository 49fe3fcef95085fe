//! `engine run PIPELINE.toml`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::metrics::Counts;
use engine::pipeline::{Pipeline, PipelineFile, Setup};
use engine::plugin::Ahead;
use engine::{Error, Fault};
#[cfg(feature = "cluster")]
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::messages::{Messages, SOON, printer};
use super::report::{RunReport, fault_of};
use super::watching::{WatchArgs, Watching};
use super::{RunCommand, access};
use crate::drain::{self, Drain};
use crate::exit::{Ending, RunFailed, at};
use crate::limits::compiling_pool;
use crate::plugins::Components;
use crate::progress::Progress;
use crate::threads::asking_runtime;
use crate::wall::Then;
use crate::{check, signals};

impl RunCommand {
    pub(super) fn run_pipeline(&self, path: &Path) -> anyhow::Result<Ending> {
        let file = PipelineFile::read(path)?;
        let components = Components::default();
        let ahead = Ahead::default();
        if self.wall.raise(|| access::of_pipeline(self, &file, &components, &ahead))? == Then::Stop {
            return Ok(Ending::Done);
        }
        let find = |path: &Path| components.find(path);
        let setup = check::setup(compiling_pool()?.ahead(&ahead), &find);
        #[cfg(feature = "cluster")]
        let setup = Setup {
            cluster: self.cluster.cluster(None, self.messages().notices(ProgressBar::hidden())),
            ..setup
        };
        run(&file, setup, self.messages(), &self.watch, &self.drain())
    }
}

/// Runs the pipeline of a file.
fn run(
    file: &PipelineFile,
    setup: Setup,
    messages: Messages,
    watch: &WatchArgs,
    drain: &Drain,
) -> anyhow::Result<Ending> {
    watch.check(false, false)?;
    let interrupted = signals::interrupts(drain.clone(), move || messages.tell_aborted())?;
    let mut watching = watch.begin(&interrupted, messages)?;
    let progress = Progress::hidden();
    let setup = Setup {
        pool: setup.pool.on_print(printer(progress.bar())),
        monitor: watching.monitor().cloned(),
        on_terminal: watch.draws(),
        writes: watch.file().map(Path::to_owned),
        ..setup
    };
    let Some(mut pipeline) = check::open(file, setup)? else {
        return Ok(Ending::Mistakes);
    };
    pipeline.drain_timeout().into_iter().for_each(|timeout| drain.is_in_file(timeout));
    let counts = counts_of(&pipeline);
    drain.begins(drained(&pipeline, &counts));
    if !messages.json {
        let hidden = messages.quiet || watch.draws();
        progress.show(counts.clone(), hidden, pipeline.writes_to_stdout());
    }
    let begun = Instant::now();
    if let Some(monitor) = watching.monitor() {
        pipeline.put_aside().iter().for_each(|(file, _)| monitor.puts_aside(file.display().to_string()));
    }
    let runtime = asking_runtime()?;
    watching.show()?;
    let ended = runtime.block_on(until_end(&mut pipeline, &watching, messages, &*counts));
    progress.end();
    pipeline.pool().blocking_close();
    let summary = report(&pipeline, messages, ended, counts(), begun.elapsed());
    watching.end(summary)
}

/// Counts the records of all sources.
fn counts_of(pipeline: &Pipeline) -> Arc<impl Fn() -> Counts + Send + Sync + use<>> {
    let sources = pipeline.progress();
    Arc::new(move || sources.iter().map(engine::Progress::counts).fold(Counts::default(), Counts::plus))
}

/// What is done with the run if it exceeds its drain timeout.
fn drained(
    pipeline: &Pipeline,
    counts: &Arc<impl Fn() -> Counts + Send + Sync + 'static>,
) -> drain::DrainedRun {
    let (counts, flush) = (counts.clone(), pipeline.flush_put_aside());
    drain::DrainedRun {
        counts: Box::new(move || counts()),
        // What can't be written is lost, like everything else that is not finished.
        flush: Arc::new(move || drop(flush())),
    }
}

/// Runs a pipeline until it ends, is ended by a signal, or is stopped from a view.
async fn until_end(
    pipeline: &mut Pipeline,
    watching: &Watching<'_>,
    messages: Messages,
    counts: &impl Fn() -> Counts,
) -> Result<Ending, Error> {
    let stop = CancellationToken::new();
    let signal = async {
        let by = *watching.ending().wait().await;
        stop.cancel();
        tokio::time::sleep(SOON).await;
        messages.tell_interrupted(by, counts().unfinished);
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = pipeline.run(&stop) => ended.map(|()| Ending::Done),
        () = signal => Ok(Ending::Done),
        () = watching.obey() => Ok(Ending::Stopped),
    };
    ended.map(|ending| match (ending, watching.ending().get()) {
        (Ending::Done, Some(by)) => Ending::Interrupted { by: *by, goes_on: false },
        (ending, _) => ending,
    })
}

fn report(
    pipeline: &Pipeline,
    messages: Messages,
    ended: Result<Ending, Error>,
    counts: Counts,
    time: Duration,
) -> RunReport<'_> {
    let (left_out, first_fault) = pipeline.left_out();
    let told = |fault: &Fault| {
        pipeline.position(fault.record).map_or_else(|| fault.to_string(), |place| at(fault, &place))
    };
    let put_aside = pipeline.put_aside().into_iter().map(|(file, records)| (file.to_owned(), records));
    RunReport {
        messages,
        result: ended.map_err(|error| {
            let place = fault_of(&error).and_then(|fault| pipeline.position(fault.record));
            RunFailed { error, place }
        }),
        counts,
        time,
        pool: pipeline.pool().usage(),
        functions: pipeline.usage(),
        plugins: pipeline.plugins().iter().collect(),
        left_out: (left_out, first_fault.map(told)),
        first_fault,
        put_aside: put_aside.collect(),
        to_stdout: pipeline.writes_to_stdout(),
    }
}
