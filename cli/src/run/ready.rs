//! A run that is ready, whatever described it: it is fed, watched, and reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::metrics::Counts;
use engine::run::Run;
use engine::{Error, Fault};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::messages::{Messages, SOON};
use super::report::{RunReport, fault_of};
use super::watching::Watching;
use crate::drain::{self, Drain, DrainedRun};
use crate::exit::{EndedBy, Ending, RunFailed, at};
use crate::progress::Progress;

/// A run that is ready.
pub(super) struct ReadyRun<'a> {
    pub(super) run: Run,
    pub(super) messages: Messages,
    pub(super) drain: Drain,
    pub(super) watching: Watching<'a>,
    /// The progress line.
    pub(super) progress: Progress,
    pub(super) runtime: Runtime,
    /// Whether faults are told with the inputs of their records.
    pub(super) names_inputs: bool,
    /// Whether it succeeds even if records are put aside.
    pub(super) exits_zero: bool,
}

impl ReadyRun<'_> {
    /// Runs it until it ends, is ended by a signal, or is stopped from a view; and tells how it went.
    pub(super) fn execute(mut self) -> anyhow::Result<Ending> {
        let counts = counts_of(&self.run);
        self.drain.begins(drained(&self.run, counts.clone()));
        if let Some(monitor) = self.watching.monitor() {
            let files = self.run.put_aside();
            files.iter().for_each(|(file, _)| monitor.puts_aside(file.display().to_string()));
        }
        let begun = Instant::now();
        self.watching.show()?;
        let Self { mut run, messages, watching, progress, runtime, names_inputs, exits_zero, .. } = self;
        let goes_on = run.is_saved();
        let ended = runtime.block_on(until_end(&mut run, &watching, messages, &*counts, goes_on));
        // What was stopped is saved as far as it came.
        let kept = run.blocking_end();
        let ended = ended.and_then(|ending| kept.map(|()| ending));
        progress.end();
        run.pool().blocking_close();
        let ended = EndedRun { result: ended, counts: counts(), time: begun.elapsed() };
        let summary = RunReport { exits_zero, ..report(&run, messages, names_inputs, ended) };
        watching.end(summary)
    }
}

/// Counts the records of all sources.
pub(super) fn counts_of(run: &Run) -> Arc<impl Fn() -> Counts + Send + Sync + use<>> {
    let sources = run.progress();
    Arc::new(move || sources.iter().map(engine::Progress::counts).fold(Counts::default(), Counts::plus))
}

/// What is done with the run if it exceeds its drain timeout.
fn drained(run: &Run, counts: Arc<impl Fn() -> Counts + Send + Sync + 'static>) -> DrainedRun {
    let (outputs, sinks, known) = (run.flush(), run.progress(), run.progress());
    DrainedRun {
        counts: Box::new(move || counts()),
        // Records of several sources have numbers of their own.
        first_unfinished: Box::new(move || match known.as_slice() {
            [only] => only.first_unfinished(),
            _ => None,
        }),
        // What can't be written is lost, like everything else that is not finished.
        flush: Arc::new(move || {
            drop(outputs());
            drain::flush(&sinks);
        }),
        goes_on: run.is_saved(),
    }
}

async fn until_end(
    run: &mut Run,
    watching: &Watching<'_>,
    messages: Messages,
    counts: &impl Fn() -> Counts,
    goes_on: bool,
) -> Result<Ending, Error> {
    let stop = CancellationToken::new();
    let signal = async {
        let by = *watching.ending().wait().await;
        stop.cancel();
        tokio::time::sleep(SOON).await;
        messages.tell_interrupted(by, counts().unfinished);
        std::future::pending::<()>().await;
    };
    let running = async {
        run.prepare().await?;
        let opened = run.blocking_open(&|| watching.interrupted().is_some());
        if let (Err(_), Some(by)) = (&opened, watching.interrupted()) {
            // It waited for the reader of a pipe.
            return Ok(Ending::Interrupted { by: EndedBy::Signal(by), goes_on: false });
        }
        opened?;
        run.run(&stop).await.map(|()| Ending::Done)
    };
    let ended = tokio::select! {
        ended = running => ended,
        () = signal => Ok(Ending::Done),
        () = watching.obey() => Ok(Ending::Stopped),
    };
    ended.map(|ending| match (ending, watching.ending().get()) {
        (Ending::Done, Some(by)) => Ending::Interrupted { by: *by, goes_on },
        (ending, _) => ending,
    })
}

/// How a run ended.
struct EndedRun {
    result: Result<Ending, Error>,
    counts: Counts,
    time: Duration,
}

fn report(run: &Run, messages: Messages, names_inputs: bool, ended: EndedRun) -> RunReport<'_> {
    let EndedRun { result, counts, time } = ended;
    let place = |fault: &Fault| run.position(fault.record).filter(|_| names_inputs);
    let told = |fault: &Fault| place(fault).map_or_else(|| fault.to_string(), |place| at(fault, &place));
    let (left_out, first_fault) = run.left_out();
    let put_aside = run.put_aside().into_iter().map(|(file, records)| (file.to_owned(), records));
    RunReport {
        messages,
        result: result.map_err(|error| {
            let place = fault_of(&error).and_then(place);
            RunFailed { error, place }
        }),
        counts,
        time,
        pool: run.pool().usage(),
        functions: run.usage(),
        plugins: run.plugins().iter().collect(),
        left_out: (left_out, first_fault.map(told)),
        first_fault,
        put_aside: put_aside.collect(),
        exits_zero: false,
        to_stdout: run.writes_to_stdout(),
    }
}
