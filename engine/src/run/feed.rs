//! Feeds the sources of a run side by side.

use std::any::Any;
use std::future::ready;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::feeding::Feeding;
use crate::deadlines::waiting;
use crate::graph::{Feed, Source};
use crate::progress::{BoxFuture, GraphContext};
use crate::{Error, Progress};

/// A source of a run, whatever its elements are.
pub(crate) struct RunSource {
    pub(super) name: String,
    pub(super) context: Arc<GraphContext>,
    pub(super) progress: Progress,
    /// Taken before any output is touched.
    pub(super) prepare: Option<Prepare>,
    /// Taken when the run begins.
    pub(super) feeder: Option<Feeder>,
    /// The graph stays until the run is dropped.
    _source: Arc<dyn Any + Send + Sync>,
}

/// Gets hold of what a source needs, before any output is touched.
pub(super) type Prepare = Box<dyn FnOnce() -> BoxFuture<'static, Result<Feeder, Error>> + Send>;

/// Feeds a source until its end, and closes it.
pub(super) type Feeder = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), Error>> + Send>;

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
        let fed = source.clone();
        let prepare: Prepare = Box::new(move || {
            let begin = |source: Arc<Source<T>>, stop: CancellationToken| async move {
                feed.feed(&source, &stop).await
            };
            let feeder: Feeder = Box::new(move |stop| Box::pin(run(fed, begin, stop)));
            Box::pin(ready(Ok(feeder)))
        });
        Self::prepared(name, source, prepare)
    }

    /// A source of a node, with what feeds it.
    pub(crate) fn of_node(name: &str, source: &Arc<Source<Vec<u8>>>, feeding: Feeding) -> Self {
        let fed = source.clone();
        let prepare: Prepare = Box::new(move || {
            Box::pin(async move {
                let begin = feeding.ready().await?;
                let feeder: Feeder = Box::new(move |stop| Box::pin(run(fed, begin, stop)));
                Ok(feeder)
            })
        });
        Self::prepared(name, source, prepare)
    }

    fn prepared<T: Clone + Send + 'static>(name: &str, source: &Arc<Source<T>>, prepare: Prepare) -> Self {
        Self {
            name: name.to_owned(),
            context: source.context().clone(),
            progress: source.progress(),
            prepare: Some(prepare),
            feeder: None,
            _source: source.clone(),
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
