//! Records that a source makes: at intervals, and numbers.

use std::time::Duration;

use engine::sources::{self, Feed};
use engine::{CancellationToken, Source, sinks};
use tokio::time::Instant;

use crate::support::feeds::Fed;

#[tokio::test(start_paused = true)]
async fn a_record_comes_each_interval_even_in_a_slow_graph() {
    let source = Source::<i64>::new();
    let (sink, times) = sinks::list();
    let begun = Instant::now();
    source.stream().sink(sinks::consumer(Busy));
    source.stream().map(move |x: i64| (x, begun.elapsed().as_millis())).sink(sink);
    sources::periodic(Duration::from_millis(100))
        .times(4)
        .feed(&source, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(times.take(), [(0, 0), (1, 350), (2, 350), (3, 450)]);
    let mut fed = Fed::new(sources::periodic(Duration::from_secs(10)).value("now"));
    assert_eq!(fed.next().await, ["now", "now", "now"]);
    fed.stop().await.unwrap();
}

/// Is slow with the second element, by the test's paused clock.
struct Busy;

impl sinks::Consumer<i64> for Busy {
    async fn take(&mut self, x: i64) -> Result<(), sinks::Refusal> {
        if x == 1 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_counts_in_steps_at_intervals_and_until_it_is_stopped() {
    async fn counted(count: sources::Count) -> Vec<u64> {
        let source = Source::new();
        let (sink, numbers) = sinks::list();
        source.stream().sink(sink);
        count.feed(&source, &CancellationToken::new()).await.unwrap();
        source.close().await.unwrap();
        numbers.take()
    }
    let three = std::num::NonZeroUsize::new(3).unwrap();
    assert_eq!(counted(sources::count(2..=9).step(three)).await, [2, 5, 8]);
    assert_eq!(counted(sources::count(..3)).await, [0, 1, 2]);
    assert_eq!(counted(sources::count(u64::MAX - 1..)).await, [u64::MAX - 1, u64::MAX]);
    assert_eq!(counted(sources::count(5..5)).await, [0; 0]);
    let begun = Instant::now();
    assert_eq!(counted(sources::count(..3).every(Duration::from_secs(1))).await, [0, 1, 2]);
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    let mut fed = Fed::new(sources::count(..));
    assert_eq!(fed.next().await, ["0", "1", "2"]);
    fed.stop().await.unwrap();
}
