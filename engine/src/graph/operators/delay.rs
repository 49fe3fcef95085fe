//! `delay`: each element later.

use std::sync::Weak;
use std::time::Duration;

use crate::graph::delayed::{DelayNode, Delayed};
use crate::graph::{Scattered, Stream};
use crate::monitor::Gauge;
use crate::record::Record;

/// How many elements are delayed at once; the next one waits before the node.
const DELAYED: usize = 65_536;

impl<T: Clone + Send + 'static> Stream<T> {
    /// Each element later by `interval`, in the same order. Up to 65,536 wait here.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::{Instant, sleep};
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, begun) = (Source::new(), Instant::now());
    /// let (sink, seen) = sinks::list();
    /// let late = source.stream().delay(Duration::from_secs(5));
    /// late.map(move |x: i64| (x, begun.elapsed().as_secs())).sink(sink);
    /// source.emit(1).await?;
    /// sleep(Duration::from_secs(2)).await;
    /// source.emit(2).await?;
    /// source.close().await?;
    /// assert_eq!(seen.take(), [(1, 5), (2, 7)]);
    /// # Ok(()) }
    /// ```
    pub fn delay(self, interval: Duration) -> Self {
        let context = self.context.clone();
        let mut gauge: Option<Weak<dyn Gauge>> = None;
        let stream = self.attach("delay", |outlet| {
            let delayed = Delayed::new(interval, DELAYED, context, outlet);
            gauge = Some(delayed.gauge());
            DelayNode::new(delayed)
        });
        if let Some(watched) = &stream.watched {
            watched.hands_over(gauge);
        }
        Stream { apart: true, ..stream }
    }
}

impl<T: Record> Scattered<T> {
    /// Each result later by `interval`, in order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use std::time::Duration;
    /// # use engine::{Pool, Source, sinks};
    /// # use tokio::time::Instant;
    /// let (pool, source, begun) = (Pool::new()?, Source::new(), Instant::now());
    /// let (sink, late) = sinks::list();
    /// source.stream().scatter(&pool).delay(Duration::from_secs(5)).gather().sink(sink);
    /// source.emit(1).await?;
    /// source.close().await?;
    /// assert_eq!(late.take(), [1]);
    /// assert!(begun.elapsed() >= Duration::from_secs(5));
    /// # Ok(()) }
    /// ```
    pub fn delay(self, interval: Duration) -> Self {
        self.in_order(|stream| stream.delay(interval))
    }
}
