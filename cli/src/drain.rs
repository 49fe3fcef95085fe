//! `--drain-timeout`: how long a run may take to end.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use engine::Progress;
use engine::deadlines::{DRAIN_TIMEOUT, Wait, waits};
use engine::metrics::Counts;
use humantime::format_duration;
use indicatif::HumanCount;
use serde_json::json;

use super::args::time;
use super::exit::{EndedBy, Signal, tell};
use super::summary::counted;
use super::threads::runtime;
use super::top;

/// The default of a worker's `--drain-timeout`.
#[cfg(feature = "cluster")]
pub(crate) const DEFAULT: &str = "30s";

/// The time for writing out results at the end.
const WRITTEN: Duration = Duration::from_millis(250);

/// The most waits that the message names.
const TOLD: usize = 4;

/// `--drain-timeout`: a time, or 0.
pub(crate) fn drain_time(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    time(text).map_err(|_| "write a time, as in 30s or 500ms, or 0".to_owned())
}

/// The time that a run has to end, and the message if that is not enough.
#[derive(Clone)]
pub(crate) struct Drain(Arc<Known>);

struct Known {
    json: bool,
    /// As the command line says, or a pipeline file, which is read later.
    timeout: OnceLock<Duration>,
    /// None if it was called off before it began.
    run: OnceLock<Option<DrainedRun>>,
    /// Whether there is something to finish from the start, as a worker has it.
    begun: bool,
}

/// A running run.
pub(crate) struct DrainedRun {
    pub(crate) counts: Box<dyn Fn() -> Counts + Send + Sync>,
    /// The first record that is not finished, if that is known.
    pub(crate) first_unfinished: Box<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Writes out what is buffered.
    pub(crate) flush: Arc<dyn Fn() + Send + Sync>,
    /// Whether the same command continues from a checkpoint.
    pub(crate) goes_on: bool,
}

impl Drain {
    pub(crate) fn new(given: Option<Duration>, json: bool) -> Self {
        Self::with(given, json, true)
    }

    /// That of a run, which has nothing to finish before it [begins](Self::begins).
    pub(crate) fn of_run(given: Option<Duration>, json: bool) -> Self {
        Self::with(given, json, false)
    }

    fn with(given: Option<Duration>, json: bool, begun: bool) -> Self {
        let known = Known { json, timeout: OnceLock::new(), run: OnceLock::new(), begun };
        given.into_iter().for_each(|given| known.is_given(given));
        Self(Arc::new(known))
    }

    /// Takes the time of a pipeline file, unless the command line gave one.
    pub(crate) fn is_in_file(&self, timeout: Duration) {
        self.0.is_given(timeout);
    }

    /// The run takes in its first record now. If it was called off, the process is about to end.
    pub(crate) fn begins(&self, run: DrainedRun) {
        if self.0.run.set(Some(run)).is_err() {
            loop {
                thread::park();
            }
        }
    }

    /// Ends the process, unless the run has begun: as while a plugin is compiled, there is nothing to finish.
    pub(crate) fn call_off(&self, by: Signal) {
        if self.0.begun || self.0.run.set(None).is_err() {
            return;
        }
        top::restore();
        match self.0.json {
            true => tell(format_args!("{}", json!({ "ended": "interrupted" }))),
            false => tell(format_args!("engine: {}", EndedBy::Signal(by))),
        }
        engine::end_commands();
        std::process::exit(by.exit_code().into());
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout.get().copied().unwrap_or(DRAIN_TIMEOUT)
    }

    /// Prints what is not finished, and ends the process, in which something may hang.
    pub(crate) fn end(&self, by: Signal) -> ! {
        let mut first = None;
        if let Some(Some(run)) = self.0.run.get() {
            // The run goes on meanwhile: what is done now is written by the flush.
            let known = (run.first_unfinished)();
            let flush = run.flush.clone();
            let (done, wait) = sync_channel(1);
            // This may hang too.
            let flushing = move || {
                flush();
                let _ = done.send(());
            };
            let started = thread::Builder::new().spawn(flushing);
            let is_written = started.is_ok_and(|_| wait.recv_timeout(WRITTEN).is_ok());
            first = known.filter(|_| is_written);
        }
        top::restore();
        self.tell(first);
        engine::end_commands();
        // With a timeout of 0 this is what the user asked for.
        let code = if self.timeout().is_zero() { by.exit_code() } else { 1 };
        std::process::exit(code.into());
    }

    /// `first` is the first record that was not finished, if that is known.
    fn tell(&self, first: Option<u64>) {
        let run = self.0.run.get().and_then(Option::as_ref);
        let counts = run.map(|run| (run.counts)()).unwrap_or_default();
        let waits = waits();
        let time = format_duration(self.timeout());
        if self.0.json {
            let waits: Vec<_> = waits.iter().map(|wait| &*wait.what).collect();
            let error = format!("not finished within {time}");
            tell(format_args!(
                "{}",
                json!({
                    "ended": "overdue",
                    "error": error,
                    "records": counts,
                    "first_unfinished": first,
                    "waits": waits,
                })
            ));
            return;
        }
        let Counts { emitted, unfinished, delivered, .. } = counts;
        let unfinished = counted(unfinished, "record");
        tell(format_args!(
            "engine: not finished within {time} (--drain-timeout): {unfinished} unfinished in functions, {emitted} \
             taken in, {delivered} delivered{}{}",
            left(first, run.is_some_and(|run| run.goes_on)),
            told(&waits)
        ));
    }
}

/// Writes out what sinks hold back.
pub(crate) fn flush(sources: &[Progress]) {
    let Ok(runtime) = runtime() else { return };
    for source in sources {
        let _ = runtime.block_on(source.flush());
    }
}

/// What was not finished, by the number of its first record.
fn left(first: Option<u64>, goes_on: bool) -> String {
    let first = first.map(|first| format!("; records from {} on were not finished", HumanCount(first)));
    let how = if goes_on { "; the same command continues from its last checkpoint" } else { "" };
    first.unwrap_or_default() + how
}

impl Known {
    fn is_given(&self, timeout: Duration) {
        // What was given first counts.
        let _ = self.timeout.set(timeout);
    }
}

/// What is waited for, in words.
fn told(waits: &[Wait]) -> String {
    if waits.is_empty() {
        return String::new();
    }
    let told = |wait: &Wait| format!("{} (for {} s)", wait.what, wait.time.as_secs());
    let told: Vec<_> = waits.iter().take(TOLD).map(told).collect();
    let more = waits.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("; waiting for {}{more}", told.join(", "))
}
