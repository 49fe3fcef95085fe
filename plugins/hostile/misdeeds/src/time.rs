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

/// Sleeps as many milliseconds as the word before the first space says, if it is a number.
#[map]
fn sleeps_first(record: &str) -> &str {
    let milliseconds = record.split(' ').next().and_then(|word| word.parse().ok());
    thread::sleep(Duration::from_millis(milliseconds.unwrap_or(0)));
    record
}

/// Takes its time for some: sleeps up to 4 milliseconds, or is busy for half of one.
#[map]
fn lingers(record: &str) -> &str {
    match record.parse::<u64>().unwrap_or(0) % 40 {
        time @ 1..4 => thread::sleep(Duration::from_millis(time)),
        4 => drop(slow_loop(500)),
        _ => {}
    }
    record
}

/// Sleeps 3 milliseconds for each record.
#[map]
fn dawdles(record: &str) -> &str {
    thread::sleep(Duration::from_millis(3));
    record
}

/// Reports a bad record, and takes its time for it: a test that reads the report can end the process.
#[map]
fn announces(record: &str) -> &str {
    if crate::is_bad(record) {
        eprintln!("a bad one");
        // The time that a test has to end the process, on a busy machine.
        thread::sleep(Duration::from_secs(8));
    }
    record
}
