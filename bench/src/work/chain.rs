//! The example of the README, one element at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::{Function, Pool, Source};

pub(super) async fn measure(
    pool: &Pool,
    inc: &Function<i64, i64>,
    records: u64,
    buffer: usize,
) -> anyhow::Result<Duration> {
    run(pool, inc, records / 10, buffer).await?;
    run(pool, inc, records, buffer).await
}

async fn run(pool: &Pool, inc: &Function<i64, i64>, records: u64, buffer: usize) -> anyhow::Result<Duration> {
    let source = Source::new();
    let in_order = Arc::new(AtomicI64::new(0));
    let seen = in_order.clone();
    source.stream().scatter(pool).map(inc).buffer(buffer).gather().sink(move |x: i64| {
        // Counts the results that are in order.
        let _ = seen.compare_exchange(x - 1, x, Relaxed, Relaxed);
    });
    let records = i64::try_from(records)?;
    let begun = Instant::now();
    for x in 0..records {
        source.emit(x).await?;
    }
    source.close().await?;
    let time = begun.elapsed();
    let seen = in_order.load(Relaxed);
    ensure!(seen == records, "{seen} of {records} results came in order");
    Ok(time)
}
