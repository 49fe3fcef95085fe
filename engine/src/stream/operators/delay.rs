//! `delay`: each element later.

use std::time::Duration;

use tokio::time::Instant;

use crate::record::Record;
use crate::stream::queue::Pace;
use crate::stream::{Scattered, Stream};

/// So many elements are delayed at once; the next one waits outside.
const DELAYED: usize = 65_536;

impl<T: Clone + Send + 'static> Stream<T> {
    /// Each element later by `interval`, in the same order. Up to 65,536 wait here.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().delay(std::time::Duration::from_secs(1)).sink(|line: String| println!("{line}"));
    /// ```
    pub fn delay(self, interval: Duration) -> Self {
        self.queue(DELAYED, Delay(interval))
    }
}

impl<T: Record> Scattered<T> {
    /// Each result later by `interval`, in order.
    pub fn delay(self, interval: Duration) -> Self {
        self.in_order(|stream| stream.delay(interval))
    }
}

struct Delay(Duration);

impl Pace for Delay {
    async fn wait(&mut self, since: Instant) {
        tokio::time::sleep_until(since + self.0).await;
    }
}
