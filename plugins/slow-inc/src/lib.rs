//! Adds one to each record, and takes a second for it: records that wait run side by side.

use std::thread;
use std::time::Duration;

use engine_sdk::map;

/// Sleeps a second, then adds one.
#[map]
fn slow_inc(x: i64) -> i64 {
    thread::sleep(Duration::from_secs(1));
    x + 1
}
