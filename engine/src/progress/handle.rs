//! A run's progress, as programs hold it.

use std::sync::{Arc, Weak};

use super::{Done, GraphContext, Snapshot};
use crate::Error;
use crate::metrics::Counts;
use crate::monitor::SourceFigures;
use crate::policy::InputPosition;

/// Tells how far the elements of a source are, and what became of them. Made by
/// [`Source::progress`](crate::Source::progress), before or during the run; it does not end with the source.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// # use engine::Source;
/// let source = Source::new();
/// source.stream().filter(|x: &i64| x % 2 == 0).sink(|_: i64| {});
/// let progress = source.progress();
/// for x in 1..=4 {
///     source.emit(x).await?;
/// }
/// source.close().await?;
/// let counts = progress.counts();
/// assert_eq!((counts.emitted, counts.delivered), (4, 2));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Progress(Arc<GraphContext>);

/// A [`Progress`] that does not keep the run's data: for closures that the run keeps itself, such as the one given to
/// [`Progress::on_done`].
#[derive(Clone)]
pub struct WeakProgress(Weak<GraphContext>);

impl WeakProgress {
    /// The progress, unless the run and all that belongs to it is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Progress> {
        self.0.upgrade().map(Progress)
    }
}

impl std::fmt::Debug for WeakProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakProgress")
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Progress {
    pub(crate) fn new(context: &Arc<GraphContext>) -> Self {
        Self(context.clone())
    }

    /// The same, without keeping the run's data.
    #[must_use]
    pub fn downgrade(&self) -> WeakProgress {
        WeakProgress(Arc::downgrade(&self.0))
    }

    /// `told` is called with each [snapshot](Self::want_snapshot). It must be quick; only the first one set
    /// is told.
    pub fn on_snapshot(&self, told: impl Fn(Snapshot) + Send + Sync + 'static) {
        self.0.snapshots.tell(told);
    }

    /// Asks for the states of the functions that accumulate, all of them after the same record. They are
    /// told with one of the next records; never, if no function accumulates.
    pub fn want_snapshot(&self) {
        self.0.snapshots.want();
    }

    /// Where a record stands in the files that were read, if that is known.
    #[must_use]
    pub fn position(&self, record: u64) -> Option<InputPosition> {
        self.0.position(record)
    }

    /// `told` is called each time that more elements have left the graph, and says which of them were faults. Of
    /// several sources whose streams come together nothing is told. An unordered gather tells only when nothing is
    /// left after its scatter.
    ///
    /// It must be quick, and is to be set before the first element.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// let (source, done) = (engine::Source::new(), Arc::new(AtomicU64::new(0)));
    /// let last = done.clone();
    /// source.progress().on_done(move |now| last.store(now.last, Relaxed));
    /// source.stream().partition(NonZeroUsize::new(2).unwrap()).sink(|_: Vec<i64>| {});
    /// for x in [1, 2, 3] {
    ///     source.emit(x).await?;
    /// }
    /// assert_eq!(done.load(Relaxed), 2); // the third one waits for another
    /// source.close().await?;
    /// assert_eq!(done.load(Relaxed), 3);
    /// # Ok(()) }
    /// ```
    pub fn on_done(&self, told: impl Fn(Done<'_>) + Send + Sync + 'static) {
        self.0.tell(told);
    }

    /// Lets sinks pass on what they hold back only to be faster: what [has left the graph](Self::on_done) before is
    /// out then, so that its origin may forget it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engine::plugin::Output;
    /// # use engine::{Source, sinks};
    /// let file = tempfile::NamedTempFile::new()?;
    /// let source = Source::new();
    /// source.stream().buffer(8).sink(sinks::lines(&Output::new(file.reopen()?)));
    /// let (told, mut done) = tokio::sync::mpsc::channel(8);
    /// source.progress().on_done(move |now| drop(told.try_send(now.last)));
    /// source.emit(1).await?;
    /// assert_eq!(done.recv().await, Some(1));
    /// source.progress().flush().await?;
    /// assert_eq!(std::fs::read_to_string(file.path())?, "1\n");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Why a sink can't.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.flush().await
    }

    /// The number of the last element that a sink has taken, or a part of it: it may be ahead of what
    /// [has left the graph](Self::on_done).
    #[must_use]
    pub fn last_delivered(&self) -> u64 {
        self.0.last_delivered()
    }

    /// How many records became faults, of those that [have left the graph](Self::on_done); counted only if
    /// somebody is told of them.
    #[must_use]
    pub fn faults_done(&self) -> u64 {
        self.0.faults_done()
    }

    /// How many elements went where so far.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source};
    /// let source = Source::new();
    /// let numbers = source.stream().try_map(|line: String| line.parse::<i64>(), &FaultPolicy::skip());
    /// numbers.sink(|_: i64| {});
    /// for line in ["1", "two", "3"] {
    ///     source.emit(line.to_owned()).await?;
    /// }
    /// source.close().await?;
    /// let counts = source.progress().counts();
    /// assert_eq!((counts.emitted, counts.delivered, counts.faults), (3, 2, 1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }
}
