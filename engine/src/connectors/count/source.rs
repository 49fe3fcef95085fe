//! The source `count`: numbers that count up.

use std::num::NonZeroUsize;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::connectors::support::formats::emit_pieces;
use crate::graph::{Feed, ResumableFeed, next};
use crate::progress::Position;
use crate::record::{BatchBuilder, Record};
use crate::{Error, Source};

/// The most numbers in a batch.
const BATCH: usize = 16 << 10;

/// Emits the numbers of a range as records, as fast as the graph accepts them. A range without an end goes on until the
/// source is stopped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::num::NonZeroUsize;
///
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<u64>();
/// source.stream().sink(sink);
/// let tens = sources::count(10..50).step(NonZeroUsize::new(10).unwrap());
/// tens.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [10, 20, 30, 40]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn count(numbers: impl RangeBounds<u64>) -> Count {
    let empty = RangeInclusive::new(1, 0);
    let first = match numbers.start_bound() {
        Bound::Included(first) => Some(*first),
        Bound::Excluded(before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let last = match numbers.end_bound() {
        Bound::Included(last) => Some(*last),
        Bound::Excluded(end) => end.checked_sub(1),
        Bound::Unbounded => Some(u64::MAX),
    };
    let numbers = first.zip(last).map_or(empty, |(first, last)| first..=last);
    Count { numbers, step: NonZeroUsize::MIN, every: None }
}

/// See [`count`].
#[derive(Clone, Debug)]
pub struct Count {
    numbers: RangeInclusive<u64>,
    step: NonZeroUsize,
    every: Option<Duration>,
}

impl Count {
    /// Emits the first number, and then only every `step`-th. 1 by default.
    #[must_use]
    pub fn step(mut self, step: NonZeroUsize) -> Self {
        self.step = step;
        self
    }

    /// Emits one number at once, and one after each interval of at least 1 ms. If the graph takes longer than an interval,
    /// the next number comes when it is done; no number is left out.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval);
        self
    }
}

impl<T: Record> Feed<T> for Count {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let numbers = self.numbers.step_by(self.step.get());
        match self.every {
            Some(interval) => at_intervals(numbers, interval, source, stop).await,
            None => at_once(numbers, source, stop).await,
        }
    }
}

impl<T: Record> ResumableFeed<T> for Count {
    fn resume(&mut self, position: &Position) -> Result<(), String> {
        self.numbers = position.read()?..=*self.numbers.end();
        Ok(())
    }
}

async fn at_once<T: Record>(
    mut numbers: impl Iterator<Item = u64>,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut piece = 1;
    let mut stopped = Box::pin(stop.clone().cancelled_owned()) as _;
    while !stop.is_cancelled() {
        let Some(first) = numbers.next() else { break };
        source.mark(&first);
        let mut batch = BatchBuilder::default();
        for number in std::iter::once(first).chain(numbers.by_ref().take(BATCH - 1)) {
            batch.push(0, |data| data.extend_from_slice(number.to_string().as_bytes()));
        }
        if emit_pieces(batch.build(), source, &mut piece, &mut stopped).await? {
            break;
        }
    }
    source.pause().await
}

async fn at_intervals<T: Record>(
    numbers: impl Iterator<Item = u64>,
    interval: Duration,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut ticks = interval_at(Instant::now(), interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in numbers {
        if next(source, stop, ticks.tick()).await?.is_none() {
            break;
        }
        source.mark(&number);
        source.emit_records([number.to_string()]).await?;
    }
    Ok(())
}
