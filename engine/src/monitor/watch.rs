//! Everything that is counted of a run.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Instant, SystemTime};

use super::{Calls, Control, Faults, FunctionGauge, Graph, Log, PoolFigures, SourceFigures, rates::Samples};
use crate::metrics::{RunState, Status};
use crate::text::PlainText;

/// Everything that is counted of a run.
pub(crate) struct Watch {
    pub(super) begun: Instant,
    pub(super) started: SystemTime,
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
    pub(super) samples: Mutex<Samples>,
}

/// How a run has ended.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) state: RunState,
    pub(super) error: Option<PlainText>,
    /// When, in microseconds since the start. The run's clock stops there.
    pub(super) at: u64,
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
            samples: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Watch {
    /// Milliseconds from the start until now, or until the end.
    pub(crate) fn now(&self) -> u64 {
        self.micros() / 1000
    }

    /// The same in microseconds.
    pub(super) fn micros(&self) -> u64 {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        lock(&self.ended).as_ref().map_or(now, |ended| ended.at)
    }

    /// The names of the functions from this place on.
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

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
