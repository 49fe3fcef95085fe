//! `buffer`: how much may wait, or be unfinished.

use crate::executor::Buffer;
use crate::graph::{Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Lets up to `n` elements wait here, at least 1, so that `emit` need not wait for the next nodes. These run in a
    /// task of their own. When the buffer is full, the next element waits before it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::Instant;
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, begun) = (Source::new(), Instant::now());
    /// let (sink, numbers) = sinks::list();
    /// // A branch that is slow now and then does not hold the other one.
    /// source.stream().buffer(1000).rate_limit(Duration::from_secs(1)).sink(|_: i64| {});
    /// source.stream().sink(sink);
    /// for x in 0..3 {
    ///     source.emit(x).await?;
    /// }
    /// assert_eq!((numbers.take(), begun.elapsed().as_secs()), (vec![0, 1, 2], 0));
    /// source.close().await?;
    /// assert_eq!(begun.elapsed().as_secs(), 2);
    /// # Ok(()) }
    /// ```
    pub fn buffer(self, n: usize) -> Self {
        self.queue("buffer", n)
    }
}

impl<T> Scattered<T> {
    /// At most `n` records of the stretch before it (or of the one that begins, if there is none) are
    /// unfinished at once; the source waits when there are. At least 1.
    ///
    /// The bytes that wait, are at work or are not yet gathered are bounded too: at some 8 MiB, and half
    /// a MiB for each thread.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).buffer(2).gather().sink(sink);
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    ///     assert!(source.progress().counts().unfinished <= 2);
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [0, 1, 2, 3, 4]);
    /// # Ok(()) }
    /// ```
    pub fn buffer(self, n: usize) -> Self {
        let n = n.max(1);
        self.buffered(Buffer::Exactly(n), n)
    }

    /// At most `n` records of the stretch before it are unfinished at once, but no more than are finished within
    /// about a second. So a run that is told to end is soon done with what it has taken in, and a fast function still
    /// gets large batches. Functions that wait run side by side as with [`buffer`](Self::buffer).
    ///
    /// If the stream joins another branch of the same source, give it a `buffer`: that always has the room by which
    /// one branch may get ahead of the other.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).buffer_up_to(100_000).gather().sink(sink);
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [0, 1, 2, 3, 4]);
    /// # Ok(()) }
    /// ```
    pub fn buffer_up_to(self, n: usize) -> Self {
        let n = n.max(1);
        self.buffered(Buffer::UpTo(n), n)
    }

    fn buffered(mut self, buffer: Buffer, n: usize) -> Self {
        self.buffer = Some(buffer);
        for segment in self.unbuffered.drain(..) {
            segment.allow(n - 1);
        }
        self.complete = !self.stages.is_empty();
        self
    }
}
