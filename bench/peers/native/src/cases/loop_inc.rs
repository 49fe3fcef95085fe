//! The least that adding one to lines can cost: one thread, and one batch that never leaves the cache.

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;

use super::inc;

/// How many lines are in the batch.
const BATCH: u64 = 8_192;
/// The number before the first one: numbers have eight digits.
const BEFORE: u64 = 10_000_000;

/// Adds one to `records` numbers, after a tenth of that to warm up, and prints how long it took.
pub(crate) fn run(records: u64) -> anyhow::Result<()> {
    let batches = records.div_ceil(BATCH);
    let input = numbers(BEFORE + 1);
    let warm = repeat(batches.div_ceil(10), &input, Vec::new())?;

    let start = Instant::now();
    let output = repeat(batches, &input, warm)?;
    let seconds = start.elapsed().as_secs_f64();

    ensure!(output == numbers(BEFORE + 2), "the last batch is wrong");
    println!(r#"{{"records":{},"seconds":{seconds}}}"#, batches * BATCH);
    Ok(())
}

/// Adds one to `input` so many times, and returns the last result. All use the memory of `output`.
fn repeat(batches: u64, input: &[u8], mut output: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    for _ in 0..batches {
        output.clear();
        output = black_box(inc::lines(black_box(input), output)?);
    }
    Ok(output)
}

fn numbers(first: u64) -> Vec<u8> {
    (first..first + BATCH).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}
