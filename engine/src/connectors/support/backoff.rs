//! How long to wait before trying again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The wait before each retry: 100 ms, then twice as long each time, up to 10 s; plus a random time that is at most
/// as long, so that clients that failed at the same time do not come back at the same time.
pub(crate) fn waits(retries: usize) -> impl Iterator<Item = Duration> + Send {
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(retries);
    waits.with_jitter().build()
}
