//! What ends the instance at once, and the one way to fail that does not.

use std::hint::{assert_unchecked, black_box};
use std::process;

use engine_sdk::map;

use crate::is_bad;

/// A panic that names its record.
#[map]
fn panics(record: &str) -> &str {
    assert!(!is_bad(record), "I don't like `{record}`");
    record
}

/// A panic with control characters, line breaks and 100 kB of text.
#[map]
fn panics_at_length(record: &str) -> &str {
    assert!(!is_bad(record), "\x1b[2J\x07\nfake line\r{}", "x".repeat(100_000));
    record
}

/// A panic of the standard library: an index out of bounds.
#[map]
fn panics_slice(record: &str) -> &str {
    let index = if is_bad(record) { 1_000 } else { 0 };
    [record][black_box(index)]
}

/// A division by zero as Rust does it: a panic, on the record 0.
#[map]
fn divides(x: i64) -> i64 {
    100 / x
}

/// A division by zero as WebAssembly does it: a trap, on the record 0.
#[map]
fn traps_division(x: i64) -> i64 {
    let x = black_box(x);
    // SAFETY: none; the promise is false for 0. It removes Rust's check, so that the machine's own
    // remains.
    unsafe { assert_unchecked(x != 0) };
    100 / x
}

/// The smallest sum that overflows is a panic, since the profile checks: on `i64::MAX`.
#[map]
fn overflows(x: i64) -> i64 {
    x + 1
}

/// The instruction `unreachable`: a trap without a word.
#[map]
fn unreachable(record: &str) -> &str {
    if is_bad(record) {
        #[cfg(target_family = "wasm")]
        core::arch::wasm32::unreachable();
    }
    record
}

/// A read where no memory is.
#[map]
fn traps_memory(record: &str) -> &str {
    if is_bad(record) {
        // SAFETY: none; the address is wild.
        black_box(unsafe { (0xffff_fff0_usize as *const u64).read_volatile() });
    }
    record
}

/// An abort.
#[map]
fn aborts(record: &str) -> &str {
    if is_bad(record) {
        process::abort();
    }
    record
}

/// An exit, with a code of its own.
#[map]
fn exits(record: &str) -> &str {
    if is_bad(record) {
        process::exit(3);
    }
    record
}

/// An exit that says all is well.
#[map]
fn exits_well(record: &str) -> &str {
    if is_bad(record) {
        process::exit(0);
    }
    record
}

/// An `Err` with control characters, line breaks and 100 kB of text.
#[map]
fn fails(record: &str) -> Result<&str, String> {
    if is_bad(record) {
        return Err(format!("no `{record}`\x1b[2J\x07\nfake line\r{}", "x".repeat(100_000)));
    }
    Ok(record)
}
