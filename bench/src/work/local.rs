//! Closures on a stream that is not scattered: map after map, and a sink.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::Source;

/// The sink keeps every result, as that of the rival does.
pub(super) async fn measure(maps: u64, records: u64) -> anyhow::Result<Duration> {
    let source = Source::new();
    let results = Arc::new(Mutex::new(Vec::new()));
    let list = results.clone();
    let stream = (0..maps).fold(source.stream(), |stream, _| stream.map(|x: u64| x + 1));
    stream.sink(move |x: u64| list.lock().unwrap_or_else(PoisonError::into_inner).push(x));
    for x in 0..records / 10 {
        source.emit(x).await?;
    }
    results.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let begun = Instant::now();
    for x in 0..records {
        source.emit(x).await?;
    }
    let time = begun.elapsed();
    source.close().await?;
    let results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let right = results.iter().copied().eq((0..records).map(|x| x + maps));
    ensure!(right, "the results are not those of {records} records");
    Ok(time)
}
