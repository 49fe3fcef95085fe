//! The source `channel`: elements that other tasks and threads send.

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::graph::{Feed, next};
use crate::{Error, Source};

/// Makes a channel, whose source emits what other tasks and threads send.
///
/// Up to `capacity` elements wait in it, at least 1; then [`send`](Sender::send) waits until there is room. The source
/// ends when all senders are dropped. When it is stopped, it emits what was sent before, and later sends fail.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list();
/// source.stream().map(|x: i64| x * 2).sink(sink);
/// let (sender, channel) = sources::channel(8);
/// std::thread::spawn(move || (1..=3).try_for_each(|x: i64| sender.blocking_send(x)));
/// channel.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [2, 4, 6]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Channel<T>) {
    let (sender, receiver) = mpsc::channel(capacity.clamp(1, Semaphore::MAX_PERMITS));
    (Sender(sender), Channel(receiver))
}

/// Sends elements to the source of a [`channel`].
#[derive(Debug)]
pub struct Sender<T>(mpsc::Sender<T>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// Sends an element. Waits while the channel is full.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], if the source was stopped or dropped, or its run has failed.
    pub async fn send(&self, element: T) -> Result<(), Error> {
        self.0.send(element).await.map_err(|_| Error::Closed)
    }

    /// Sends an element from a thread outside the runtime. Blocks while the channel is full.
    ///
    /// # Panics
    ///
    /// In a task of the runtime.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn blocking_send(&self, element: T) -> Result<(), Error> {
        self.0.blocking_send(element).map_err(|_| Error::Closed)
    }

    /// Sends an element if there is room for it. Never waits.
    ///
    /// # Errors
    ///
    /// The element, if the channel is full or closed.
    pub fn try_send(&self, element: T) -> Result<(), T> {
        self.0.try_send(element).map_err(|error| match error {
            mpsc::error::TrySendError::Full(element) | mpsc::error::TrySendError::Closed(element) => element,
        })
    }
}

/// See [`channel`].
#[derive(Debug)]
pub struct Channel<T>(mpsc::Receiver<T>);

impl<T: Clone + Send + 'static> Feed<T> for Channel<T> {
    async fn feed(mut self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        loop {
            match next(source, stop, self.0.recv()).await? {
                Some(Some(element)) => source.emit(element).await?,
                Some(None) => return Ok(()),
                None => break,
            }
        }
        self.0.close();
        while let Some(element) = self.0.recv().await {
            source.emit(element).await?;
        }
        Ok(())
    }
}
