//! Keeps a processor busy for a while with each record.

use std::hint::black_box;

use engine_sdk::map;

/// Works some 10 µs on a record, more or less as `rounds` says.
#[map(rounds = 8000)]
fn spin(x: u64, rounds: u64) -> u64 {
    // Each round waits for the one before it: a multiplication and an addition, 4 to 5 cycles.
    let step = |hash: u64, round: u64| black_box((hash ^ round).wrapping_mul(0x0100_0000_01b3));
    black_box((0..rounds).fold(x, step));
    x + 1
}
