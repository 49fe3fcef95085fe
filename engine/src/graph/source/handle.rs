//! The beginning of a graph: where elements are emitted.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::graph::{Outlet, Stream};
use crate::monitor::{SourceFigures, Watched};
use crate::policy::Unit;
use crate::progress::{BoxFuture, GraphContext, Position, Progress, Snapshot};
use crate::{Error, Monitor};

/// Feeds elements to a graph, and returns its errors. [`Source::progress`] tells what became of the elements.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let source = engine::Source::new();
/// let list = seen.clone();
/// source.stream().map(|x: i64| x + 1).sink(move |x: i64| list.lock().unwrap().push(x));
/// for x in 0..3 {
///     source.emit(x).await?;
/// }
/// source.close().await?;
/// assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
/// # Ok(()) }
/// ```
pub struct Source<T> {
    pub(super) outlet: Outlet<T>,
    pub(super) context: Arc<GraphContext>,
    pub(super) watched: Option<Watched>,
    /// What a close waits for when all has reached its end.
    pub(super) endings: std::sync::Mutex<Vec<Ending>>,
    /// Held while an element is on its way, so that many emits at once keep their order.
    pub(super) state: Mutex<Emission>,
}

/// What is left to do when everything has reached its end, or the run has failed; may be called again.
pub(super) type Ending = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// What was emitted, and how that ended.
pub(super) struct Emission {
    /// The number of the next record.
    pub(super) next: u64,
    /// No more emits.
    pub(super) closed: bool,
    /// Everything has reached its end.
    pub(super) ended: bool,
    pub(super) failed: Option<Error>,
}

impl<T: Clone + Send + 'static> Source<T> {
    /// A source of elements that the program emits.
    #[must_use]
    pub fn new() -> Self {
        let state = Mutex::new(Emission { next: 1, closed: false, ended: false, failed: None });
        let context = Arc::default();
        let (outlet, endings) = (Outlet::new(&context, 0), std::sync::Mutex::default());
        Self { outlet, context, watched: None, endings, state }
    }

    /// The same source, watched by a [`Monitor`](crate::Monitor), which counts what goes through each node that is
    /// added later, and can pause the source.
    #[must_use]
    pub fn monitored(self, monitor: &Monitor) -> Self {
        self.monitored_as(monitor, "source", "source")
    }

    /// The same with the name and the kind that views show.
    pub(crate) fn monitored_as(mut self, monitor: &Monitor, name: &str, kind: &str) -> Self {
        let watch = monitor.watch();
        let place = watch.graph.add_source(name, kind, &self.context);
        watch.add_source(self.context.clone());
        let _ = self.context.watch.set(watch.clone());
        self.watched = Some(Watched { watch: watch.clone(), from: vec![place] });
        self
    }

    pub(crate) fn watched(&self) -> Option<&Watched> {
        self.watched.as_ref()
    }

    pub(crate) fn context(&self) -> &Arc<GraphContext> {
        &self.context
    }

    /// Tells how far its elements are, during the run and after it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(&self.context)
    }

    /// Says how many bytes of input there are, so that views can show which part of them was read. The sources of
    /// this crate count what they read.
    pub fn expects(&self, bytes: u64) {
        self.context.expect_bytes(bytes);
    }

    /// The same source with elements numbered from `number + 1`: the run continues where another one stopped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Error, FaultPolicy, Source};
    /// let source = Source::new().numbered_after(10);
    /// let numbers = source.stream().try_map(|line: String| line.parse::<i64>(), &FaultPolicy::stop());
    /// # numbers.sink(|_: i64| {});
    /// source.emit("1".to_owned()).await?;
    /// assert_eq!(source.last_number(), 11);
    /// let failed = source.emit("two".to_owned()).await;
    /// assert!(matches!(failed, Err(Error::Fault(fault)) if fault.record == 12));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn numbered_after(mut self, number: u64) -> Self {
        self.state.get_mut().next = number + 1;
        self.context.begin_after(number);
        self
    }

    /// The same source, continuing an earlier run: functions that accumulate begin with the states of `snapshot`, and
    /// elements are numbered after the snapshot's record. The outputs of records up to `done` are there already, so
    /// the last of these functions outputs nothing for them.
    ///
    /// Call it before the graph is built. The graph must be the same as before, with these functions one after
    /// another.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use std::sync::{Arc, OnceLock};
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let sum = pool.load("sum.wasm").await?.function::<i64, i64>("sum")?;
    /// let (source, kept) = (Source::new(), Arc::new(OnceLock::new()));
    /// # let keep = kept.clone();
    /// source.progress().on_snapshot(move |snapshot| drop(keep.set(snapshot)));
    /// source.stream().accumulate(&sum).sink(|_: i64| {});
    /// source.emit(1).await?;
    /// source.progress().want_snapshot();
    /// source.emit(2).await?;
    /// # source.close().await?;
    ///
    /// // It was taken after the first element. Another run repeats the second one, whose sum is there already.
    /// let snapshot = kept.get().cloned().expect("it came with the second element");
    /// let (source, (sink, sums)) = (Source::new().resumed(snapshot, 2), sinks::list());
    /// source.stream().accumulate(&sum).sink(sink);
    /// source.emit(2).await?;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!(sums.take(), [6]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn resumed(self, snapshot: Snapshot, done: u64) -> Self {
        let this = self.numbered_after(snapshot.record);
        this.context.snapshots.begin_with(snapshot, done);
        this
    }

    /// Notes where the next element stands in the input, for
    /// [checkpoints](crate::checkpoint::ResumableRun). It does nothing in a run without one. A source that reads blocks
    /// notes where each of them begins: elements after that place that came before a restart are then skipped.
    pub fn mark(&self, position: &impl serde::Serialize) {
        self.context.mark(|| Position::of(position));
    }

    /// The next records are of another input, and are its units.
    pub(crate) fn begin_input(&self, name: Option<(&Path, Unit)>) {
        self.context.begin_input(name.map(|(path, unit)| (path.display().to_string().into(), unit)));
    }

    /// Notes that an input begins with the record `first`, so that [`Progress::position`] tells where its records stand.
    /// Call it for each input in turn, before its first record is emitted. If a run continues an earlier one, an input
    /// may have begun there: then `first` is a record of that run.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::Source;
    /// # use engine::policy::Unit;
    /// let source = Source::new();
    /// source.stream().sink(|_: i64| {});
    /// source.reads("a.log", Unit::Line, 1);
    /// source.emit(1).await?;
    /// source.reads("b.log", Unit::Line, source.last_number() + 1);
    /// source.emit(2).await?;
    /// assert_eq!(source.progress().position(2).map(|at| at.to_string()).as_deref(), Some("b.log, line 1"));
    /// # source.close().await }
    /// ```
    pub fn reads(&self, input: &str, unit: Unit, first: u64) {
        self.context.begin_input_at(Some((input.into(), unit)), first);
    }

    /// The stream of its elements. Each call starts a branch; each element goes to the branches in turn.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Source, sinks};
    /// let source = Source::new();
    /// let ((all, numbers), (some, even)) = (sinks::list(), sinks::list());
    /// source.stream().sink(all);
    /// source.stream().filter(|x: &i64| x % 2 == 0).sink(some);
    /// for x in 1..=4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!((numbers.take(), even.take()), (vec![1, 2, 3, 4], vec![2, 4]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stream(&self) -> Stream<T> {
        let (outlet, context, watched) = (self.outlet.clone(), self.context.clone(), self.watched.clone());
        Stream { outlet, context, apart: false, watched }
    }
}

impl Emission {
    /// Keeps a failure, so that later calls fail too.
    pub(super) fn note(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            self.failed.get_or_insert_with(|| error.clone());
        }
        result
    }
}

impl<T: Clone + Send + 'static> Default for Source<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("counts", &self.context.counts()).finish_non_exhaustive()
    }
}
