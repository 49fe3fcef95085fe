//! Feeds the sources of a run side by side.

use std::any::Any;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::feeding::Feeding;
use crate::deadlines::waiting;
use crate::error::GraphError;
use crate::graph::{Feed, ResumableFeed, ResumableRun, Source};
use crate::progress::{BoxFuture, GraphContext};
use crate::{Error, Progress};

/// A source of a run, whatever its elements are.
pub(crate) struct RunSource {
    pub(super) name: String,
    pub(super) context: Arc<GraphContext>,
    pub(super) progress: Progress,
    /// Taken when the run begins.
    fed: Option<Fed>,
    /// The graph stays until the run is dropped.
    _source: Arc<dyn Any + Send + Sync>,
}

/// What feeds a source.
enum Fed {
    Begun(Feeder),
    /// It gets hold of what it needs before any output is touched.
    Preparing(Prepare),
    Resumable(Box<dyn ResumableSource>),
}

type Prepare = Box<dyn FnOnce() -> BoxFuture<'static, Result<Feeder, Error>> + Send>;

/// Feeds a source until its end, and closes it.
pub(crate) type Feeder = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), Error>> + Send>;

/// A source whose input can be read again, with what feeds it.
pub(crate) trait ResumableSource: Send {
    /// What feeds it in a run that is not saved.
    fn feeder(self: Box<Self>) -> Feeder;

    /// Adds it to a run that is saved.
    fn add_to(self: Box<Self>, run: ResumableRun, name: &str) -> ResumableRun;
}

/// Such a source of any type.
pub(super) struct Resumable<T, F> {
    pub(super) source: Arc<Source<T>>,
    pub(super) feed: F,
}

impl<T: Clone + Send + 'static, F: ResumableFeed<T>> ResumableSource for Resumable<T, F> {
    fn feeder(self: Box<Self>) -> Feeder {
        let Self { source, feed } = *self;
        feeder(source, feed)
    }

    fn add_to(self: Box<Self>, run: ResumableRun, name: &str) -> ResumableRun {
        let Self { source, feed } = *self;
        run.feed(name, &source, feed)
    }
}

fn feeder<T: Clone + Send + 'static>(source: Arc<Source<T>>, feed: impl Feed<T>) -> Feeder {
    let begin =
        |source: Arc<Source<T>>, stop: CancellationToken| async move { feed.feed(&source, &stop).await };
    Box::new(move |stop| Box::pin(run(source, begin, stop)))
}

impl RunSource {
    /// Names the nodes that are added next to the source's graph, for checkpoints.
    pub(crate) fn name_next(&self, name: Option<&str>) {
        self.context.holdings.name_next(name);
    }

    /// A source with what feeds it.
    pub(super) fn new<T: Clone + Send + 'static>(
        name: &str,
        source: &Arc<Source<T>>,
        feed: impl Feed<T>,
    ) -> Self {
        Self::with(name, source, Fed::Begun(feeder(source.clone(), feed)))
    }

    /// A source whose input can be read again.
    pub(super) fn resumable<T: Clone + Send + 'static>(
        name: &str,
        source: &Arc<Source<T>>,
        feed: impl ResumableFeed<T>,
    ) -> Self {
        Self::with(name, source, Fed::Resumable(Box::new(Resumable { source: source.clone(), feed })))
    }

    /// A source of a node, with what feeds it.
    pub(crate) fn of_node(name: &str, source: &Arc<Source<Vec<u8>>>, feeding: Feeding) -> Self {
        let fed = source.clone();
        let fed = match feeding {
            Feeding::Ready(begin) => Fed::Begun(Box::new(move |stop| Box::pin(run(fed, begin, stop)))),
            Feeding::Resumable(with) => Fed::Resumable(with(fed)),
            Feeding::Preparing(prepare) => Fed::Preparing(Box::new(move || {
                Box::pin(async move {
                    let begin = prepare().await?;
                    let feeder: Feeder = Box::new(move |stop| Box::pin(run(fed, begin, stop)));
                    Ok(feeder)
                })
            })),
        };
        Self::with(name, source, fed)
    }

    fn with<T: Clone + Send + 'static>(name: &str, source: &Arc<Source<T>>, fed: Fed) -> Self {
        Self {
            name: name.to_owned(),
            context: source.context().clone(),
            progress: source.progress(),
            fed: Some(fed),
            _source: source.clone(),
        }
    }

    /// Checks that its input can be read again.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unsaved`], if it can't.
    pub(super) fn check_resumable(&self) -> Result<(), Error> {
        match self.fed {
            Some(Fed::Begun(_) | Fed::Preparing(_)) => Err(self.unsaved()),
            Some(Fed::Resumable(_)) | None => Ok(()),
        }
    }

    fn unsaved(&self) -> Error {
        let reason = "what it gives can't be read again".to_owned();
        Error::Graph(GraphError::Unsaved { node: self.name.clone(), reason })
    }

    /// Gets hold of what it needs.
    pub(super) async fn prepare(&mut self) -> Result<(), Error> {
        self.fed = match self.fed.take() {
            Some(Fed::Preparing(prepare)) => Some(Fed::Begun(prepare().await?)),
            fed => fed,
        };
        Ok(())
    }

    /// What feeds it, once it is prepared.
    pub(super) fn take_feeder(&mut self) -> Option<Feeder> {
        match self.fed.take()? {
            Fed::Begun(feeder) => Some(feeder),
            Fed::Resumable(source) => Some(source.feeder()),
            Fed::Preparing(_) => None,
        }
    }

    /// Adds it to a run that is saved.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unsaved`], if its input can't be read again.
    pub(super) fn add_to(&mut self, run: ResumableRun) -> Result<ResumableRun, Error> {
        match self.fed.take().ok_or(Error::Closed)? {
            Fed::Resumable(source) => Ok(source.add_to(run, &self.name)),
            Fed::Begun(_) | Fed::Preparing(_) => Err(self.unsaved()),
        }
    }
}

/// Feeds all sources side by side, and closes each at its end. A failure stops the others.
///
/// The first is fed by the caller's own task, so that a pipeline of one source wakes no more threads than a
/// graph that is built by hand.
pub(super) async fn feed(feeders: Vec<Feeder>, stop: &CancellationToken) -> Result<(), Error> {
    let mut feeders = feeders.into_iter().map(|feeder| feeder(stop.clone()));
    let first = feeders.next();
    let first = async { if let Some(fed) = first { fed.await } else { Ok(()) } };
    let mut others = JoinSet::new();
    for fed in feeders {
        others.spawn(fed);
    }
    let others = async {
        let mut result = Ok(());
        while let Some(ended) = others.join_next().await {
            result = result.and(match ended {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(Error::Closed),
            });
        }
        result
    };
    let (first, others) = tokio::join!(first, others);
    first.and(others)
}

/// Feeds a source until its end and closes it. A failure stops all that look for `stop`.
async fn run<T: Clone + Send + 'static, R>(
    source: Arc<Source<T>>,
    feed: impl FnOnce(Arc<Source<T>>, CancellationToken) -> R,
    stop: CancellationToken,
) -> Result<(), Error>
where
    R: Future<Output = Result<(), Error>> + Send,
{
    let stopping = async {
        stop.cancelled().await;
        waiting(|| "a source to stop".to_owned(), std::future::pending()).await
    };
    let fed = tokio::select! {
        fed = feed(source.clone(), stop.clone()) => fed,
        error = source.failure() => Err(error),
        never = stopping => never,
    };
    // What a close fails for comes before what an emit has failed for.
    let ended = source.close().await.and(fed);
    if ended.is_err() {
        stop.cancel();
    }
    ended
}
