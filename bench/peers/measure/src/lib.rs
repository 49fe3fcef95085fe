//! What the peers' programs share: the numbers as text, a loop that is timed, and the line that tells
//! its time.

use std::num::NonZeroUsize;
use std::time::Instant;

/// The first of the numbers that a program makes for itself: they have eight digits, as most have in a
/// file of many.
pub const FIRST: i64 = 10_000_001;

/// Calls `call` until it has seen `records` records, with `batch` of them in each call, after it has
/// warmed up with a tenth of that, or a thousand. Prints one line with the time, and returns what the
/// last call has returned.
pub fn measure<T>(
    records: u64,
    batch: NonZeroUsize,
    mut call: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let calls = |records: u64| records.div_ceil(batch.get() as u64).max(1);
    for _ in 0..calls((records / 10).max(1_000)) {
        call()?;
    }

    let start = Instant::now();
    for _ in 1..calls(records) {
        call()?;
    }
    let last = call()?;
    let seconds = start.elapsed().as_secs_f64();

    println!(r#"{{"records":{},"seconds":{seconds}}}"#, calls(records) * batch.get() as u64);
    Ok(last)
}
