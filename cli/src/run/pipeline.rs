//! `engine run PIPELINE.toml`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::Fault;
use engine::metrics::Counts;
use engine::pipeline::{PipelineFile, Setup};
use engine::plugin::Ahead;
#[cfg(feature = "cluster")]
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::messages::{Messages, SOON, printer};
use super::report::{Report, fault_of};
use super::watching::WatchArgs;
use super::{RunCommand, reach};
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
        if self.wall.raise(|| reach::of_pipeline(self, &file, &components, &ahead))? == Then::Stop {
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
    let sources = pipeline.progress();
    let counts = move || sources.iter().map(engine::Progress::counts).fold(Counts::default(), Counts::plus);
    let counts = Arc::new(counts);
    let (counted, flush) = (counts.clone(), pipeline.flush_put_aside());
    drain.begins(drain::Run {
        counts: Box::new(move || counted()),
        // What can't be written is lost, as all else that is not finished.
        flush: Arc::new(move || drop(flush())),
    });
    let to_stdout = pipeline.writes_to_stdout();
    if !messages.json {
        progress.show(counts.clone(), messages.quiet || watch.draws(), to_stdout);
    }
    let begun = Instant::now();
    if let Some(monitor) = watching.monitor() {
        pipeline.put_aside().iter().for_each(|(file, _)| monitor.puts_aside(file.display().to_string()));
    }
    let runtime = asking_runtime()?;
    watching.show()?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        let signal = async {
            let by = *watching.ending().wait().await;
            stop.cancel();
            tokio::time::sleep(SOON).await;
            messages.tell_interrupted(by, counts().unfinished);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = pipeline.run(&stop) => ended.map(|()| Ending::Done),
            () = signal => Ok(Ending::Done),
            () = watching.obey() => Ok(Ending::Stopped),
        }
    });
    progress.end();
    pipeline.pool().blocking_close();
    let (left_out, first_fault) = pipeline.left_out();
    let ended = ended.map(|ending| match (ending, watching.ending().get()) {
        (Ending::Done, Some(by)) => Ending::Interrupted { by: *by, goes_on: false },
        (ending, _) => ending,
    });
    let told = |fault: &Fault| {
        pipeline.position(fault.record).map_or_else(|| fault.to_string(), |place| at(fault, &place))
    };
    let report = Report {
        messages,
        result: ended.map_err(|error| {
            let place = fault_of(&error).and_then(|fault| pipeline.position(fault.record));
            RunFailed { error, place }
        }),
        counts: counts(),
        time: begun.elapsed(),
        pool: pipeline.pool().usage(),
        functions: pipeline.usage(),
        plugins: pipeline.plugins().iter().collect(),
        left_out: (left_out, first_fault.map(told)),
        first_fault,
        put_aside: pipeline
            .put_aside()
            .into_iter()
            .map(|(file, records)| (file.to_owned(), records))
            .collect(),
        to_stdout,
    };
    watching.end(report)
}
