//! What says too much, or ends no line.

use std::iter;

use engine_sdk::{flat_map, map, sink};

use crate::is_bad;

/// `count` records of `bytes` bytes; 1 GB if nothing else is said.
#[flat_map(count = 1_000, bytes = 1_000_000)]
fn explodes(record: &str, count: usize, bytes: usize) -> impl Iterator<Item = String> {
    let (count, output) = if is_bad(record) { (count, "x".repeat(bytes)) } else { (1, record.to_owned()) };
    iter::repeat_n(output, count)
}

/// Outputs without end, of no bytes.
#[flat_map]
fn explodes_empty(record: &str) -> impl Iterator<Item = &str> {
    let count = if is_bad(record) { usize::MAX } else { 1 };
    iter::repeat_n(if is_bad(record) { "" } else { record }, count)
}

/// Prints `lines` lines to stdout.
#[map(lines = 100_000)]
fn floods_stdout(record: &str, lines: u32) -> &str {
    for _ in 0..if is_bad(record) { lines } else { 0 } {
        println!("{record}: all work and no play makes a dull log");
    }
    record
}

/// Prints `lines` lines to stderr.
#[map(lines = 100_000)]
fn floods_stderr(record: &str, lines: u32) -> &str {
    for _ in 0..if is_bad(record) { lines } else { 0 } {
        eprintln!("{record}: all work and no play makes a dull log");
    }
    record
}

/// Prints 100 MB to stderr without the end of a line.
#[map]
fn floods_one_line(record: &str) -> &str {
    for _ in 0..if is_bad(record) { 100 } else { 0 } {
        eprint!("{}", "x".repeat(1_000_000));
    }
    record
}

/// Prints what clears a terminal, rings its bell and sets its title, good or bad.
#[map]
fn prints_escapes(record: &str) -> &str {
    println!("\x1b[2J\x07\x1b]0;owned\x07out {record}\r\u{9b}2J");
    eprintln!("\x1b[2J\x07\x1b]0;owned\x07err {record}\r\u{9b}2J");
    record
}

/// Prints the record and a comma, and no line ends. A bad record then panics, aborts or loops, as it says.
#[sink]
fn joins(record: &str) {
    print!("{record},");
    match record {
        "bad panic" => panic!("as it says"),
        "bad abort" => std::process::abort(),
        "bad loop" => while std::hint::black_box(true) {},
        _ => {}
    }
}

/// Prints the record to stdout and to stderr, and no line ends.
#[map]
fn mutters(record: &str) -> &str {
    print!("out {record}");
    eprint!("err {record}");
    record
}
