//! The source `periodic`: one record per interval.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::graph::{Feed, next};
use crate::record::Record;
use crate::{Error, Source};

/// Emits a number in each interval: 0 at once, 1 after one interval of at least 1 ms, and so on.
///
/// If the graph takes longer than an interval, the next number comes when it is done; no number is left out. The source
/// goes on until it is stopped, unless [`times`](Periodic::times) limits it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), engine::Error> {
/// use std::time::Duration;
///
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// let seconds = sources::periodic(Duration::from_secs(1)).times(3);
/// seconds.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [0, 1, 2]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn periodic(interval: Duration) -> Periodic {
    Periodic { interval, value: None, times: u64::MAX }
}

/// See [`periodic`].
#[derive(Clone, Debug)]
pub struct Periodic {
    interval: Duration,
    value: Option<Vec<u8>>,
    times: u64,
}

impl Periodic {
    /// Emits these bytes each time, instead of a number.
    #[must_use]
    pub fn value(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.value = Some(bytes.into());
        self
    }

    /// Ends after this many records.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }
}

impl<T: Record> Feed<T> for Periodic {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let mut ticks = interval_at(Instant::now(), self.interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 0..self.times {
            if next(source, stop, ticks.tick()).await?.is_none() {
                break;
            }
            match &self.value {
                Some(value) => source.emit_records([value]).await?,
                None => source.emit_records([count.to_string()]).await?,
            }
        }
        Ok(())
    }
}
