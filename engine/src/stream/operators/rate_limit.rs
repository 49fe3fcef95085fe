//! `rate_limit`: no more than one element in each interval.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Error;
use crate::record::Record;
use crate::stream::{Handling, Items, Node, Outlet, Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// At most one element each `interval`: the source is held back.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().rate_limit(std::time::Duration::from_millis(100)).sink(|line: String| println!("{line}"));
    /// ```
    pub fn rate_limit(self, interval: Duration) -> Self {
        self.attach(|outlet| RateLimitNode { interval, next: Mutex::new(None), outlet })
    }
}

impl<T: Record> Scattered<T> {
    /// At most one result each interval.
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
}
