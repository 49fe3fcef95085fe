//! What takes all it can get: time, stack, memory.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use engine_sdk::map;

use crate::is_bad;

/// A loop without end.
#[map]
fn loops(record: &str) -> &str {
    while is_bad(record) {
        black_box(());
    }
    record
}

/// A sleep of an hour: waits in the host, and runs no code.
#[map]
fn sleeps_forever(record: &str) -> &str {
    if is_bad(record) {
        thread::sleep(Duration::from_secs(3600));
    }
    record
}

/// Short sleeps without end: waits, but always comes back.
#[map]
fn naps_forever(record: &str) -> &str {
    while is_bad(record) {
        thread::sleep(Duration::from_millis(1));
    }
    record
}

/// A recursion without end.
#[map]
fn recurses(record: &str) -> &str {
    fn deeper(depth: u64) -> u64 {
        let deeper: fn(u64) -> u64 = black_box(deeper);
        deeper(depth + 1) + 1
    }
    if is_bad(record) {
        black_box(deeper(0));
    }
    record
}

/// Memory without end, all of it written to.
#[map]
fn allocates(record: &str) -> &str {
    let mut hoard = Vec::new();
    while is_bad(record) {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
    record
}

/// Forgets `bytes` of memory for each record, good or bad: its instance has to retire.
#[map(bytes = 65_536)]
fn leaks(record: &str, bytes: usize) -> &str {
    black_box(vec![1_u8; bytes].leak());
    record
}

/// How many records this instance has seen: shows where instances begin anew.
#[map]
fn counts(_: &str) -> u64 {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    SEEN.fetch_add(1, Relaxed) + 1
}

/// The sum of `bytes` of fresh memory, which is 0 unless another call has used them before. It writes to
/// all of them, for the next call to find.
#[map(bytes = 1_000_000)]
fn sees_zeros(_: &str, bytes: usize) -> u64 {
    let fresh = vec![0_u8; bytes].leak();
    let sum = fresh.iter().map(|&byte| u64::from(byte)).sum();
    fresh.fill(0xab);
    sum
}
