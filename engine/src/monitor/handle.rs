//! The public handle of what is counted: `Monitor`.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::watch::{Ended, Watch, lock};
use crate::metrics::{Lane, RunState};
use crate::text::PlainText;

/// Watches a run, and pauses or ends it for people and programs that watch.
///
/// Give it to the pool and to the sources before anything else is built.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::{Monitor, Source, sinks};
///
/// let monitor = Monitor::new();
/// let source = Source::new().monitored(&monitor);
/// let (sink, doubled) = sinks::list();
/// source.stream().map(|x: i64| 2 * x).sink(sink);
/// source.emit(1).await?;
/// source.close().await?;
/// let status = monitor.status();
/// let names: Vec<_> = status.nodes.iter().map(|node| &*node.name).collect();
/// assert_eq!(names, ["source", "map", "sink"]);
/// assert_eq!((status.nodes[1].records, doubled.take()), (1, vec![2]));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Watch>);

impl Monitor {
    /// A monitor that watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.0
    }

    /// Pauses all sources: emitting waits. Records that were emitted before go on.
    pub fn pause(&self) {
        self.0.control.hold(true);
    }

    /// Resumes all sources.
    pub fn resume(&self) {
        self.0.control.hold(false);
    }

    /// Asks the program to end its input. Records that were emitted before are finished.
    pub fn drain(&self) {
        self.0.control.drain();
    }

    /// Waits until the run is asked to [drain](Self::drain).
    pub async fn draining(&self) {
        self.0.control.draining().await;
    }

    /// Asks the program to end the run at once. Records that were emitted before are not finished.
    pub fn stop(&self) {
        self.0.control.stop();
    }

    /// Waits until the run is asked to [stop](Self::stop).
    pub async fn stopping(&self) {
        self.0.control.stopping().await;
    }

    /// Records that the run has ended, with this error if it failed.
    pub fn end(&self, error: Option<String>) {
        let state = match error {
            Some(_) => RunState::Failed,
            None if self.0.control.is_stopping() => RunState::Stopped,
            None if self.0.control.is_draining() => RunState::Drained,
            None => RunState::Done,
        };
        let at = self.0.micros();
        lock(&self.0.ended).get_or_insert(Ended { state, error: error.map(Into::into), at });
        // The status is read now, because functions may still be running or be dropped later.
        self.0.last.get_or_init(|| Box::new(self.read()));
        self.sample();
    }

    /// Records that dead letters are written to this file.
    pub fn puts_aside(&self, file: impl Into<PlainText>) {
        self.0.faults.puts_aside(file.into());
    }

    /// Adds a line that a function printed to the log.
    pub fn note_line(&self, function: &str, line: &str) {
        self.0.log.push(self.0.now(), function, line);
    }

    /// The calls of the last milliseconds, by thread. Calls of one function that began within the same `grain`
    /// milliseconds are one bar.
    #[must_use]
    pub fn lanes(&self, last: u64, grain: u64) -> Vec<Lane> {
        self.0.calls.lanes(self.0.micros(), last, grain.max(1))
    }

    /// When it was created, in seconds since 1970.
    #[must_use]
    pub fn started(&self) -> f64 {
        self.0.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}
