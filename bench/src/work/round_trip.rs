//! One element from emit to sink, while nothing else is in flight.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use engine::{Function, Pool, Source};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The pause between two elements, in which the threads go to sleep.
const REST: Duration = Duration::from_millis(1);

pub(super) async fn measure(pool: &Pool, inc: &Function<i64, i64>, records: u64) -> anyhow::Result<Value> {
    let source = Source::new();
    let (arrived, mut arrivals) = mpsc::channel(1);
    source.stream().scatter(pool).map(inc).buffer(8).gather().sink(move |x: i64| {
        let _ = arrived.try_send((x, Instant::now()));
    });
    let times = Arc::new(Mutex::new(Vec::new()));
    let measured = times.clone();
    // A task, as in a server: the main thread is not one of the runtime's threads.
    let task = tokio::spawn(async move {
        for x in 0..i64::try_from(records)? {
            tokio::time::sleep(REST).await;
            let begun = Instant::now();
            source.emit(x).await?;
            let (result, at) = arrivals.recv().await.context("the sink is gone")?;
            ensure!(result == x + 1, "{result} came, not {}", x + 1);
            measured.lock().unwrap_or_else(PoisonError::into_inner).push(at - begun);
        }
        source.close().await?;
        anyhow::Ok(())
    });
    task.await.context("it panicked")??;
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort();
    let quantile = |q: usize| times[(times.len() - 1) * q / 1000].as_secs_f64();
    Ok(json!({
        "records": records,
        "mean": times.iter().map(Duration::as_secs_f64).sum::<f64>() / times.len() as f64,
        "p50": quantile(500), "p90": quantile(900), "p99": quantile(990), "p999": quantile(999),
    }))
}
