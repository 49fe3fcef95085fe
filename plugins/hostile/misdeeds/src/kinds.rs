//! Filters, flat-maps and sinks: the good ones that tests need beside the bad, and the bad.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use engine_sdk::{Failure, filter, flat_map, map, sink};

use crate::is_bad;

/// The record as it is.
#[map]
fn same(record: &[u8]) -> &[u8] {
    record
}

/// The record in capitals.
#[map]
fn upper(record: &str) -> String {
    record.to_uppercase()
}

/// The record, twice.
#[flat_map]
fn twice(record: &str) -> [&str; 2] {
    [record; 2]
}

/// Keeps even numbers.
#[filter]
fn even(x: i64) -> bool {
    x % 2 == 0
}

/// A filter that panics, and keeps all else.
#[filter]
fn panics_filter(record: &str) -> bool {
    assert!(!is_bad(record), "I don't like `{record}`");
    true
}

/// A flat-map that gives the letters of a record, and fails when it is half done.
#[flat_map]
fn fails_late(record: &str) -> impl Iterator<Item = char> {
    let bad = is_bad(record);
    record.chars().enumerate().map(move |(index, letter)| {
        assert!(!bad || index < 2, "I don't like the rest");
        letter
    })
}

/// A sink that prints, or fails.
#[sink]
fn fails_sink(record: &str) -> Result<(), String> {
    if is_bad(record) {
        return Err(format!("I don't like `{record}`"));
    }
    println!("{record}");
    Ok(())
}

/// A sink that prints, and then panics.
#[sink]
fn panics_sink(record: &str) {
    println!("{record}");
    assert!(!is_bad(record), "I don't like `{record}`");
}

/// A sink that prints, or loops without end.
#[sink]
fn loops_sink(record: &str) {
    while is_bad(record) {
        std::hint::black_box(());
    }
    println!("{record}");
}

/// A sink that takes `milliseconds` for each record, good or bad.
#[sink(milliseconds = 10)]
fn slow_sink(record: &str, milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
    println!("{record}");
}

/// The words between spaces.
#[flat_map]
fn splits(record: &str) -> impl Iterator<Item = &str> {
    record.split(' ')
}

/// Drops records that begin with `drop`, and takes 10 milliseconds for them.
#[filter]
fn drops(record: &str) -> bool {
    let keep = !record.starts_with("drop");
    if !keep {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    keep
}

/// Fails for each record `failures` times on one instance, and says that it may succeed later; a record
/// that is bad fails for ever.
#[map]
fn flaky(record: &str, failures: u32) -> Result<&str, Failure> {
    if was_tried(record) < failures {
        return Err(Failure::retry("not yet"));
    }
    if is_bad(record) { Err(Failure::new("never")) } else { Ok(record) }
}

/// A sink that fails in the same way, and then prints.
#[sink]
fn flaky_sink(record: &str, failures: u32) -> Result<(), Failure> {
    println!("{}", flaky(record, failures)?);
    Ok(())
}

/// How often a record was tried on this instance before.
fn was_tried(record: &str) -> u32 {
    static TRIES: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut tries = TRIES.lock().unwrap_or_else(PoisonError::into_inner);
    let tried = tries.entry(record.to_owned()).or_default();
    *tried += 1;
    *tried - 1
}
