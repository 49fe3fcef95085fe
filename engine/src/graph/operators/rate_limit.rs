//! `rate_limit`: no more than one element in each interval.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Error;
use crate::graph::{Handling, Items, Node, Outlet, Scattered, Stream};
use crate::progress::Holding;
use crate::record::Record;

impl<T: Clone + Send + 'static> Stream<T> {
    /// At most one element each `interval`: the source is held back.
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
    /// source.stream().rate_limit(Duration::from_secs(1)).sink(sink);
    /// for x in 0..4 {
    ///     source.emit(x).await?;
    /// }
    /// assert_eq!((numbers.take(), begun.elapsed().as_secs()), (vec![0, 1, 2, 3], 3));
    /// # source.close().await?;
    /// # Ok(()) }
    /// ```
    pub fn rate_limit(self, interval: Duration) -> Self {
        self.attach("rate_limit", |outlet| RateLimitNode { interval, next: Mutex::new(None), outlet })
    }
}

impl<T: Record> Scattered<T> {
    /// At most one result each interval.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use std::time::Duration;
    /// # use engine::{Pool, Source, sinks};
    /// # use tokio::time::Instant;
    /// let (pool, source, begun) = (Pool::new()?, Source::new(), Instant::now());
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).rate_limit(Duration::from_secs(1)).gather().sink(sink);
    /// for x in 0..4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [0, 1, 2, 3]);
    /// assert!(begun.elapsed() >= Duration::from_secs(3));
    /// # Ok(()) }
    /// ```
    pub fn rate_limit(self, interval: Duration) -> Self {
        self.in_order(|stream| stream.rate_limit(interval))
    }
}

struct RateLimitNode<T> {
    interval: Duration,
    /// When the next element may go on.
    next: Mutex<Option<Instant>>,
    outlet: Outlet<T>,
}

impl<T: Clone + Send + 'static> RateLimitNode<T> {
    async fn take(&self, items: Items<T>) -> Result<(), Error> {
        let mut next = self.next.lock().await;
        for item in items {
            let (number, element) = item?;
            if let Some(next) = next.filter(|next| *next > Instant::now()) {
                // What is held back to be faster is not held back for that long.
                self.outlet.pause().await?;
                tokio::time::sleep_until(next).await;
            }
            *next = Some(Instant::now() + self.interval);
            self.outlet.send(Items::One(number, element)).await?;
        }
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Node<T> for RateLimitNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.take(items))
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
