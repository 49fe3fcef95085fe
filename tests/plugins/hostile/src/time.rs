//! What takes its time, as the record says.

use std::thread;
use std::time::{Duration, Instant};

use engine_sdk::map;

/// Sleeps so many milliseconds.
#[map]
fn sleeps(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// Is busy for so many microseconds.
#[map]
fn slow_loop(microseconds: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(microseconds) {}
    microseconds
}
