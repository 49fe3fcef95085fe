//! The trait of feeds that can begin again where an earlier run was.

use crate::graph::Feed;
use crate::progress::Position;

/// A feed whose input can be read again, always with the same elements in the same order: a file, but not a socket.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::Arc;
///
/// use engine::checkpoint::{Position, ResumableFeed, ResumableRun};
/// use engine::sources::Feed;
/// use engine::{CancellationToken, Error, Source};
///
/// /// The numbers from here down to 1.
/// struct Countdown(i64);
///
/// impl Feed<i64> for Countdown {
///     async fn feed(self, source: &Source<i64>, stop: &CancellationToken) -> Result<(), Error> {
///         for x in (1..=self.0).rev().take_while(|_| !stop.is_cancelled()) {
///             if x % 1000 == 0 {
///                 source.mark(&x); // the next element is this one
///             }
///             source.emit(x).await?;
///         }
///         Ok(())
///     }
/// }
///
/// impl ResumableFeed<i64> for Countdown {
///     fn resume(&mut self, position: &Position) -> Result<(), String> {
///         self.0 = position.read()?;
///         Ok(())
///     }
/// }
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("progress");
///
/// let source = Arc::new(Source::new());
/// source.stream().map(|x: i64| 2 * x).sink(|_: i64| {});
/// ResumableRun::new(file).feed("numbers", &source, Countdown(5000)).run(&CancellationToken::new()).await?;
/// # Ok(()) }
/// ```
///
/// A feed that marks no positions reads its input from the beginning again, and the elements that were emitted are
/// skipped.
pub trait ResumableFeed<T>: Feed<T> {
    /// Begins at a position that an earlier run [marked](crate::Source::mark), instead of at the beginning. Elements after
    /// it that were emitted already are skipped by the source, so the feed emits them again.
    ///
    /// # Errors
    ///
    /// A clause that says why the input is not there any more, such as "in.txt has changed since".
    fn resume(&mut self, position: &Position) -> Result<(), String>;

    /// Checks before the first element that the input can be read again.
    ///
    /// # Errors
    ///
    /// A clause that says why not, such as "it follows a file".
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
