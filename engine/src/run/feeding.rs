//! What feeds a source, once a run begins.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::feed::{Resumable, ResumableSource};
use crate::Error;
use crate::graph::{Feed, ResumableFeed, Source};
use crate::progress::BoxFuture;

/// A record's bytes.
type Bytes = Vec<u8>;

/// What feeds a source, once it is started.
pub(crate) enum Feeding {
    Ready(Begin),
    /// It has to get hold of something first, such as an address, which others may have.
    Preparing(Box<dyn FnOnce() -> BoxFuture<'static, Result<Begin, Error>> + Send>),
    /// Its input can be read again.
    Resumable(WithSource),
}

/// What feeds a source whose input can be read again, once it has the source.
type WithSource = Box<dyn FnOnce(Arc<Source<Bytes>>) -> Box<dyn ResumableSource> + Send>;

pub(crate) type Begin =
    Box<dyn FnOnce(Arc<Source<Bytes>>, CancellationToken) -> BoxFuture<'static, Result<(), Error>> + Send>;

impl Feeding {
    pub(crate) fn new<F, R>(feed: F) -> Self
    where
        F: FnOnce(Arc<Source<Bytes>>, CancellationToken) -> R + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self::Ready(Box::new(move |source, stop| Box::pin(feed(source, stop))))
    }

    /// One that listens before any output is touched, and tells where when it begins.
    pub(crate) fn listening<L: Feed<Bytes>>(
        listen: impl Future<Output = Result<(L, Option<SocketAddr>), Error>> + Send + 'static,
        told: impl FnOnce(Option<SocketAddr>) + Send + 'static,
    ) -> Self {
        Self::Preparing(Box::new(move || {
            Box::pin(async move {
                let (feed, address) = listen.await?;
                let begin: Begin = Box::new(move |source, stop| {
                    told(address);
                    Box::pin(async move { feed.feed(&source, &stop).await })
                });
                Ok(begin)
            })
        }))
    }

    /// One that is connected before any output is touched.
    #[cfg(feature = "cluster")]
    pub(crate) fn connecting<C: Feed<Bytes>>(
        connect: impl Future<Output = Result<C, Error>> + Send + 'static,
    ) -> Self {
        Self::Preparing(Box::new(move || {
            Box::pin(async move {
                let feed = connect.await?;
                let begin: Begin =
                    Box::new(move |source, stop| Box::pin(async move { feed.feed(&source, &stop).await }));
                Ok(begin)
            })
        }))
    }

    /// One whose input can be read again, where an earlier run was.
    pub(crate) fn resumable(feed: impl ResumableFeed<Bytes>) -> Self {
        Self::Resumable(Box::new(|source| Box::new(Resumable { source, feed })))
    }

    pub(crate) fn of(feed: impl Feed<Bytes>) -> Self {
        Self::new(|source, stop| async move { feed.feed(&source, &stop).await })
    }
}
