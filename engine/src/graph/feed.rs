//! The trait of all sources that read from outside the program, users' own among them.

use tokio_util::sync::CancellationToken;

use crate::{Error, Source};

/// What feeds a source from outside the program: the trait for your own sources.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::Feed;
/// use engine::{CancellationToken, Error, Source, sinks};
///
/// /// The numbers from here down to 1.
/// struct Countdown(i64);
///
/// impl Feed<i64> for Countdown {
///     async fn feed(self, source: &Source<i64>, stop: &CancellationToken) -> Result<(), Error> {
///         for x in (1..=self.0).rev().take_while(|_| !stop.is_cancelled()) {
///             source.emit(x).await?;
///         }
///         Ok(())
///     }
/// }
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list();
/// source.stream().sink(sink);
/// Countdown(3).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [3, 2, 1]);
/// # Ok(()) }
/// ```
///
/// [`Source::emit`] takes values, [`Source::emit_records`] the bytes of records, and [`Source::refuse`] what
/// is no record. [`ConnectorError::Source`](crate::error::ConnectorError::Source) is for what else may fail.
pub trait Feed<T>: Send + 'static {
    /// Emits elements until there are no more, or `stop` is cancelled. The source stays open.
    ///
    /// A feed that waits should also wait for [`Source::failure`], since a failed run takes no more elements.
    ///
    /// # Errors
    ///
    /// Why there can't be more, and those of [`Source::emit`].
    fn feed(
        self,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Waits for what is `coming`: none, if `stop` is cancelled first; an error, if the run fails first.
pub(crate) async fn next<T: Clone + Send + 'static, O>(
    source: &Source<T>,
    stop: &CancellationToken,
    coming: impl Future<Output = O>,
) -> Result<Option<O>, Error> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        error = source.failure() => Err(error),
        come = coming => Ok(Some(come)),
    }
}
