//! A run's progress, as programs hold it.

use std::sync::{Arc, Weak};

use super::{Done, GraphContext, Snapshot};
use crate::Error;
use crate::metrics::Counts;
use crate::monitor::SourceFigures;
use crate::policy::InputPosition;

/// Tells how far the elements of a source are, and what became of them. Made by
/// [`Source::progress`](crate::Source::progress). It can be cloned, and used before, during and after the run.
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
pub struct Progress {
    context: Arc<GraphContext>,
    /// Counted by [`GraphContext::is_used`].
    _handle: Arc<()>,
}

/// A [`Progress`] that does not keep the run's data alive: for closures that the run itself keeps, such as the one given
/// to [`Progress::on_done`].
#[derive(Clone)]
pub struct WeakProgress(Weak<GraphContext>);

impl WeakProgress {
    /// The progress, unless nothing of the run is left.
    #[must_use]
    pub fn upgrade(&self) -> Option<Progress> {
        self.0.upgrade().map(|context| Progress::new(&context))
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
        Self { context: context.clone(), _handle: context.handles.clone() }
    }

    /// The same, without keeping the run's data alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakProgress {
        WeakProgress(Arc::downgrade(&self.context))
    }

    /// Sets the closure that gets each [snapshot](Self::want_snapshot). It must return quickly. Only the first closure
    /// that is set is called.
    pub fn on_snapshot(&self, told: impl Fn(Snapshot) + Send + Sync + 'static) {
        self.context.snapshots.tell(told);
    }

    /// Asks for a snapshot: the states of all functions that accumulate, after the same record. It comes with one of
    /// the next records, and never if no function accumulates.
    pub fn want_snapshot(&self) {
        self.context.snapshots.want();
    }

    /// Where a record stands in the files that were read, if that is known.
    #[must_use]
    pub fn position(&self, record: u64) -> Option<InputPosition> {
        self.context.position(record)
    }

    /// Adds a closure that is called each time more elements have left the graph, with those of them that were faults.
    /// It must return quickly. Set it before the first element.
    ///
    /// It is never called if streams of several sources meet. After an unordered gather, it is called only when
    /// nothing is left in the segment.
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
        self.context.tell(told);
    }

    /// Makes sinks pass on what they hold back only to be faster, such as the buffer of a writer. Everything that
    /// [left the graph](Self::on_done) before is then written, so its sender may forget it.
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
    /// If a sink can't write.
    pub async fn flush(&self) -> Result<(), Error> {
        self.context.flush().await
    }

    /// Ends the run with this error.
    pub(crate) fn fail(&self, error: Error) {
        self.context.fail(error);
    }

    /// The number of the last element that a sink took, or took a part of. It may be ahead of what
    /// [has left the graph](Self::on_done).
    #[must_use]
    pub fn last_delivered(&self) -> u64 {
        self.context.last_delivered()
    }

    /// The number of the first element that has not left the graph, or will be the next to come. `None` if that is
    /// not known: after an unordered gather, if streams of several sources meet, and if nodes other than segments
    /// keep elements and no closure is set [for those that leave](Self::on_done).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::Source;
    /// let source = Source::new();
    /// source.stream().sink(|_: i64| {});
    /// source.emit(7).await?;
    /// assert_eq!(source.progress().first_unfinished(), Some(2));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn first_unfinished(&self) -> Option<u64> {
        self.context.first_unfinished()
    }

    /// How many of the records that [have left the graph](Self::on_done) became faults. Counted only if a closure was
    /// set there.
    #[must_use]
    pub fn faults_done(&self) -> u64 {
        self.context.faults_done()
    }

    /// How many elements were emitted, are unfinished, were delivered, and became faults so far.
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
        self.context.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn a_handle_that_is_kept_keeps_no_graph_in_use() {
        let source = Source::<i64>::new();
        let context = Arc::downgrade(source.context());
        let progress = source.progress();
        let again = progress.downgrade().upgrade().unwrap();
        assert!(GraphContext::is_used(&context));
        drop(source);
        assert!(!GraphContext::is_used(&context));
        assert_eq!(again.counts().emitted, 0);
    }
}
