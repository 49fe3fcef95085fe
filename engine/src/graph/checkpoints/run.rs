//! A run that saves checkpoints, and goes on from the last one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::ResumableFeed;
use super::graph::CheckpointedGraph;
use crate::error::GraphError;
use crate::graph::Source;
use crate::progress::{BoxFuture, GraphCheckpoint, Position};
use crate::{Error, threads};

/// Holding the sources and saving takes at most one part in this many of the time.
const SHARE: u32 = 20;

/// A checkpoint that takes longer is given up at first; the next one is waited for twice as long.
const PATIENCE: Duration = Duration::from_secs(5);

/// No checkpoint is waited for longer: the sources are held meanwhile.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// A run of one or several sources that can be killed at any moment: the same program goes on with it.
///
/// The progress is saved in a file, at intervals. If the file exists when the run begins, the run goes on from there: each
/// source reads on, each node has what it kept, and the sinks [`files`](crate::sinks::files) and [`csv`](crate::sinks::csv) cut
/// their files back. The files are then the same, byte for byte, as those of one uninterrupted run, as far as the graph
/// does not depend on time, and not on how fast its branches and sources are. Other sinks get the elements after the
/// last checkpoint once more.
///
/// Closures must not keep anything from one element to the next: [`scan`](crate::Stream::scan) and
/// [`accumulate`](crate::Stream::accumulate) have a state that is saved.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
///
/// use engine::checkpoint::ResumableRun;
/// use engine::{CancellationToken, Json, Source, sinks, sources};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = |name: &str| folder.path().join(name);
/// let source = Arc::new(Source::<u64>::new());
/// let pairs = source.stream().partition(NonZeroUsize::new(2).unwrap()).map(Json);
/// pairs.sink(sinks::files(path("out")));
/// let run = ResumableRun::new(path("progress")).feed("numbers", &source, sources::count(1..=3));
/// run.run(&CancellationToken::new()).await?;
/// assert_eq!(std::fs::read_to_string(path("out"))?, "[1,2]\n[3]\n");
/// assert!(!path("progress").exists()); // what is done needs no checkpoint
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ResumableRun {
    saving: Saving,
    feeds: Vec<Box<dyn SourceFeed>>,
}

/// What is saved, where and how often.
#[derive(Debug)]
struct Saving {
    path: PathBuf,
    interval: Duration,
    graph: CheckpointedGraph,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// All elements have reached their sinks. The checkpoint is removed.
    Done,
    /// It was stopped. What nodes hold stays there: the next run goes on with it.
    Stopped,
}

impl ResumableRun {
    /// A run whose progress is saved in this file, each second or less often.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (interval, graph) = (Duration::from_secs(1), CheckpointedGraph::new());
        Self { saving: Saving { path: path.into(), interval, graph }, feeds: Vec::new() }
    }

    /// Saves the progress at this interval; less often if that would take more than a twentieth of the time.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.saving.interval = interval;
        self
    }

    /// Adds a source, and what feeds it. A program that goes on adds the same sources, by the same names and in the same
    /// order.
    #[must_use]
    pub fn feed<T, F>(mut self, name: &str, source: &Arc<Source<T>>, feed: F) -> Self
    where
        T: Clone + Send + 'static,
        F: ResumableFeed<T>,
    {
        self.saving.graph = self.saving.graph.source(name, source);
        self.feeds.push(Box::new(OneFeed { source: source.clone(), feed }));
        self
    }

    /// Adds a file that the program writes beside the graph, as [`CheckpointedGraph::file`] does.
    #[must_use]
    pub fn file(
        mut self,
        path: impl Into<PathBuf>,
        flush: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.saving.graph = self.saving.graph.file(path, flush);
        self
    }

    /// Notes what must be the same when a run goes on, as [`CheckpointedGraph::note`] does.
    #[must_use]
    pub fn note(mut self, what: &str, value: &str) -> Self {
        self.saving.graph = self.saving.graph.note(what, value);
        self
    }

    /// Goes on although something that was [noted](Self::note) has changed.
    #[must_use]
    pub fn accept_changes(mut self) -> Self {
        self.saving.graph = self.saving.graph.accept_changes();
        self
    }

    /// Lets nodes keep values of a type, as [`CheckpointedGraph::saves`] does.
    #[must_use]
    pub fn saves<T: Serialize + DeserializeOwned + 'static>(mut self) -> Self {
        self.saving.graph = self.saving.graph.saves::<T>();
        self
    }

    /// Feeds the sources until all have ended, and closes them, or until `stop` is cancelled: then all that was emitted is
    /// finished and saved.
    ///
    /// # Errors
    ///
    /// The run's failure; the last checkpoint stays. Before the first element: why a node, a source or the checkpoint
    /// can't be used, by its name.
    pub async fn run(mut self, stop: &CancellationToken) -> Result<RunEnd, Error> {
        let ended = self.begin().await?;
        // What a node kept is saved even after its source was closed.
        let _nodes: Vec<_> = self.saving.graph.nodes().iter().filter_map(|(_, node)| node.kept()).collect();
        let halt = stop.child_token();
        let mut feeds = JoinSet::new();
        for (feed, ended) in std::mem::take(&mut self.feeds).into_iter().zip(ended) {
            feeds.spawn(if ended { feed.close() } else { feed.feed(halt.clone()) });
        }
        let next = Instant::now() + self.saving.interval;
        let mut running = Running { feeds, halt, next, patience: PATIENCE };
        running.go(&self.saving).await?;
        self.saving.end(running.patience).await
    }

    /// Goes on from the checkpoint, or saves the first one. Returns which sources have ended.
    async fn begin(&mut self) -> Result<Vec<bool>, Error> {
        for ((name, _), feed) in self.saving.graph.sources.iter().zip(&self.feeds) {
            feed.check().map_err(|reason| unsaved(name, reason))?;
        }
        let path = self.saving.path.clone();
        let known = threads::unblocked("engine-checkpoint", move || GraphCheckpoint::blocking_load(&path));
        let Some(known) = known.await?? else {
            let first = self.saving.graph.begin().await?.checkpoint();
            self.saving.save(first).await?;
            return Ok(vec![false; self.feeds.len()]);
        };
        self.saving.graph.resume(&known).await?;
        for (feed, source) in self.feeds.iter_mut().zip(&known.sources) {
            if let Some(position) = &source.position {
                feed.resume(position).map_err(|reason| not_restored(&source.name, reason))?;
            }
        }
        Ok(known.sources.iter().map(|source| source.ended).collect())
    }
}

impl Saving {
    async fn save(&self, checkpoint: GraphCheckpoint) -> Result<(), Error> {
        let path = self.path.clone();
        threads::unblocked("engine-checkpoint", move || checkpoint.blocking_save(&path)).await?
    }

    /// Nothing is fed any more: the checkpoint is of no use if all is done; else the last one is saved.
    async fn end(&self, patience: Duration) -> Result<RunEnd, Error> {
        let last = match self.graph.cut_within(patience).await {
            Ok(last) => last,
            // The checkpoint before it stays.
            Err(Error::Graph(GraphError::Unsettled { .. })) => return Ok(RunEnd::Stopped),
            Err(error) => return Err(error),
        };
        // If all is done, the checkpoint before it is as good until it is removed.
        if !last.is_end() {
            self.save(last.checkpoint()).await?;
            return Ok(RunEnd::Stopped);
        }
        drop(last);
        let path = self.path.clone();
        threads::unblocked("engine-checkpoint", move || GraphCheckpoint::blocking_remove(&path)).await??;
        Ok(RunEnd::Done)
    }
}

fn unsaved(source: &str, reason: String) -> Error {
    Error::Graph(GraphError::Unsaved { node: source.to_owned(), reason })
}

fn not_restored(source: &str, reason: String) -> Error {
    Error::Graph(GraphError::NotRestored { node: source.to_owned(), reason })
}

/// A run whose sources are fed.
struct Running {
    feeds: JoinSet<Result<(), Error>>,
    /// Stops the feeds.
    halt: CancellationToken,
    /// When the next checkpoint is taken.
    next: Instant,
    /// How long it may take.
    patience: Duration,
}

impl Running {
    /// Returns when all sources were fed, or the feeds that were stopped take too long to end.
    async fn go(&mut self, run: &Saving) -> Result<(), Error> {
        let mut result = Ok(());
        let mut last = None;
        loop {
            if self.halt.is_cancelled() && last.is_none() {
                last = Some(Instant::now() + self.patience);
                // A source may wait for another one, which has stopped.
                run.graph.admit(true);
            }
            tokio::select! {
                biased;
                fed = self.feeds.join_next() => match fed {
                    Some(fed) => result = result.and(joined(fed)),
                    None => return result,
                },
                () = sleep_until(last.unwrap_or(self.next)), if last.is_some() => return result,
                () = self.halt.cancelled(), if last.is_none() => {}
                () = sleep_until(self.next), if last.is_none() => result = self.cut(run).await,
            }
            if result.is_err() {
                // What was emitted gets to its end.
                self.halt.cancel();
            }
        }
    }

    /// Takes a checkpoint and saves it.
    async fn cut(&mut self, run: &Saving) -> Result<(), Error> {
        let begun = Instant::now();
        let cut = tokio::select! {
            cut = run.graph.cut_within(self.patience) => cut,
            // The last checkpoint comes when the feeds have ended.
            () = self.halt.cancelled() => return Ok(()),
        };
        match cut {
            Ok(cut) => {
                run.save(cut.checkpoint()).await?;
                self.next = Instant::now() + run.interval.max(begun.elapsed() * SHARE);
                self.patience = PATIENCE;
                Ok(())
            }
            Err(Error::Graph(GraphError::Unsettled { .. })) => {
                self.next = Instant::now() + run.interval.max(begun.elapsed() * SHARE);
                self.patience = LONGEST.min(self.patience * 2);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn joined(fed: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    match fed {
        Ok(fed) => fed,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Closed),
    }
}

/// A source with its feed, of any type.
trait SourceFeed: Send {
    fn check(&self) -> Result<(), String>;

    fn resume(&mut self, position: &Position) -> Result<(), String>;

    /// Feeds the source, and closes it unless it was stopped.
    fn feed(self: Box<Self>, stop: CancellationToken) -> BoxFuture<'static, Result<(), Error>>;

    /// Closes the source, which has ended before.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}

struct OneFeed<T, F> {
    source: Arc<Source<T>>,
    feed: F,
}

impl<T: Clone + Send + 'static, F: ResumableFeed<T>> SourceFeed for OneFeed<T, F> {
    fn check(&self) -> Result<(), String> {
        self.feed.check()
    }

    fn resume(&mut self, position: &Position) -> Result<(), String> {
        self.feed.resume(position)
    }

    fn feed(self: Box<Self>, stop: CancellationToken) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let Self { source, feed } = *self;
            let fed = tokio::select! {
                fed = feed.feed(&source, &stop) => fed,
                error = source.failure() => Err(error),
            };
            if fed.is_ok() && stop.is_cancelled() {
                return Ok(());
            }
            source.close().await.and(fed)
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.source.close().await })
    }
}

impl std::fmt::Debug for dyn SourceFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceFeed")
    }
}
