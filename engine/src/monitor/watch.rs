//! What goes on in a run, for those who look at it.
//!
//! A [`Monitor`] is given to the pool and to the sources before anything is built. What they do is counted where it
//! happens, by atomic additions and in rings of a fixed size; whoever looks reads a [`Status`] a few times a second.
//! Without a monitor nothing of this is there.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Calls, Control, Faults, FunctionGauge, Graph, Log, PoolFigures, SourceFigures, rates};
use crate::metrics::{Lane, RunState, Status};
use crate::text::PlainText;

/// Watches a run, and holds or ends it for somebody who looks.
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

/// What a monitor knows.
pub(crate) struct Watch {
    pub(super) begun: Instant,
    started: SystemTime,
    pub(crate) graph: Graph,
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    pub(crate) control: Control,
    pub(super) functions: Mutex<Vec<Arc<FunctionGauge>>>,
    pub(super) sources: Mutex<Vec<Arc<dyn SourceFigures>>>,
    pub(super) pools: Mutex<Vec<Weak<dyn PoolFigures>>>,
    pub(super) ended: Mutex<Option<Ended>>,
    /// The status at the end.
    pub(super) last: OnceLock<Box<Status>>,
    pub(super) past: Mutex<rates::Past>,
}

/// How a run has ended.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) state: RunState,
    pub(super) error: Option<PlainText>,
    /// When, in microseconds since the start: no time passes after it.
    at: u64,
}

impl Default for Watch {
    fn default() -> Self {
        let begun = Instant::now();
        Self {
            begun,
            started: SystemTime::now(),
            graph: Graph::default(),
            calls: Calls::new(begun),
            faults: Faults::default(),
            log: Log::default(),
            control: Control::default(),
            functions: Mutex::default(),
            sources: Mutex::default(),
            pools: Mutex::default(),
            ended: Mutex::default(),
            last: OnceLock::new(),
            past: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Watch {
    /// Milliseconds since it began to watch, until the end.
    pub(crate) fn now(&self) -> u64 {
        self.micros() / 1000
    }

    /// The same in microseconds.
    fn micros(&self) -> u64 {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        lock(&self.ended).as_ref().map_or(now, |ended| ended.at)
    }

    /// The names of functions from a place on.
    #[cfg(feature = "otlp")]
    pub(crate) fn names(&self, from: usize) -> Vec<String> {
        let functions = lock(&self.functions);
        let functions = functions.iter().skip(from).map(|gauge| gauge.function.upgrade());
        functions
            .map(|function| function.map_or("function".into(), |known| known.name().to_owned()))
            .collect()
    }

    pub(crate) fn add_source(&self, source: Arc<dyn SourceFigures>) {
        lock(&self.sources).push(source);
    }

    pub(crate) fn add_pool(&self, pool: Weak<dyn PoolFigures>) {
        lock(&self.pools).push(pool);
    }
}

impl Monitor {
    /// One that watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.0
    }

    /// Holds all sources: who emits waits. What is on its way goes on.
    pub fn pause(&self) {
        self.0.control.hold(true);
    }

    /// Lets all sources go on.
    pub fn resume(&self) {
        self.0.control.hold(false);
    }

    /// Asks who feeds the sources to stop: what was taken in is finished.
    pub fn drain(&self) {
        self.0.control.drain();
    }

    /// Waits until somebody wants the run to [drain](Self::drain).
    pub async fn draining(&self) {
        self.0.control.draining().await;
    }

    /// Asks for the end of the run at once.
    pub fn stop(&self) {
        self.0.control.stop();
    }

    /// Waits until somebody wants the run to [stop](Self::stop).
    pub async fn stopping(&self) {
        self.0.control.stopping().await;
    }

    /// The run has ended, with this error if it failed.
    pub fn end(&self, error: Option<String>) {
        let state = match error {
            Some(_) => RunState::Failed,
            None if self.0.control.is_stopping() => RunState::Stopped,
            None if self.0.control.is_draining() => RunState::Drained,
            None => RunState::Done,
        };
        let at = self.0.micros();
        lock(&self.0.ended).get_or_insert(Ended { state, error: error.map(Into::into), at });
        // What is dropped or goes on now was seen before: functions may still be at work.
        self.0.last.get_or_init(|| Box::new(self.read()));
        self.look();
    }

    /// Dead letters are in this file.
    pub fn puts_aside(&self, file: impl Into<PlainText>) {
        self.0.faults.puts_aside(file.into());
    }

    /// A line that a function printed.
    pub fn note_line(&self, function: &str, line: &str) {
        self.0.log.push(self.0.now(), function, line);
    }

    /// What was called on which thread in the last milliseconds, in bars of about `grain` milliseconds at least.
    #[must_use]
    pub fn lanes(&self, last: u64, grain: u64) -> Vec<Lane> {
        self.0.calls.lanes(self.0.micros(), last, grain.max(1))
    }

    /// When it began to watch, in seconds since 1970.
    #[must_use]
    pub fn started(&self) -> f64 {
        self.0.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
