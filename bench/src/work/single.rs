//! One record per call, on one instance: a stream that is not scattered.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::{Function, Source};

pub(super) async fn measure(inc: &Function<i64, i64>, records: u64) -> anyhow::Result<Duration> {
    let source = Source::new();
    let last = Arc::new(AtomicI64::new(0));
    let seen = last.clone();
    source.stream().map(inc).sink(move |x: i64| seen.store(x, Relaxed));
    let records = i64::try_from(records)?;
    for x in 0..records / 10 {
        source.emit(x).await?;
    }
    let begun = Instant::now();
    for x in 0..records {
        source.emit(x).await?;
    }
    let time = begun.elapsed();
    source.close().await?;
    ensure!(last.load(Relaxed) == records, "the last result is {}, not {records}", last.load(Relaxed));
    Ok(time)
}
