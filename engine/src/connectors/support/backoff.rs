//! How long to wait before trying again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The wait before each retry: 100 ms, 200 ms and so on up to 10 s, each up to twice as long by chance, so that
/// clients that failed at the same time do not come back at the same time.
pub(crate) fn waits(retries: usize) -> impl Iterator<Item = Duration> + Send {
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(retries);
    waits.with_jitter().build()
}
