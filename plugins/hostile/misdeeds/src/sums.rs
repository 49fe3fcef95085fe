//! A sum that is changed before the record misbehaves: a later output with a wrong sum was made from a
//! state that a failed record had left.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process;
use std::thread;
use std::time::Duration;

use engine_sdk::{Failure, accumulate};
use serde::{Deserialize, Serialize};

/// The sum so far, and what it was made of.
#[derive(Default, Deserialize, Serialize)]
struct Sum {
    sum: i64,
    words: BTreeMap<String, f64>,
}

/// Adds a record's number, after the word that says how it misbehaves; and gives the sum, how many records
/// had that word, and a third of them, added up.
#[accumulate]
fn total(state: &mut Sum, record: &str) -> Result<Option<String>, Failure> {
    let (word, number) = record.split_once(' ').unwrap_or(("", record));
    let number: i64 = number.parse()?;
    state.sum = state.sum.checked_add(number).ok_or_else(|| Failure::new("too large"))?;
    let thirds = state.words.entry(word.to_owned()).or_default();
    *thirds += 1.0 / 3.0;
    let given = format!("{word} {} {thirds:?}", state.sum);
    match word {
        "skip" => return Ok(None),
        "fail" => return Err(Failure::new("no")),
        "later" => return Err(Failure::retry("not yet")),
        "panic" => panic!("I don't like {number}"),
        "exit" => process::exit(3),
        "hoard" => hoard(),
        "leak" => drop(black_box(vec![1_u8; 1 << 20].leak())),
        "loop" => loop {
            black_box(());
        },
        "sleep" => thread::sleep(Duration::from_secs(3600)),
        "trap" => {
            #[cfg(target_family = "wasm")]
            core::arch::wasm32::unreachable();
        }
        _ => {}
    }
    Ok(Some(given))
}

/// Takes all memory there is.
fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Each record after its number.
#[accumulate]
fn numbered(count: &mut u64, record: &str) -> String {
    *count += 1;
    format!("{count}:{record}")
}

/// The product of the numbers so far; fails at 0.
#[accumulate(start = 1)]
fn product(product: &mut i64, x: i64) -> Result<i64, String> {
    *product = product.wrapping_mul(x);
    if x == 0 { Err("zero".to_owned()) } else { Ok(*product) }
}

/// Keeps all records, and gives how many bytes they have: the state is as large as the stream.
#[accumulate]
fn keeps(kept: &mut String, record: &str, times: Option<usize>) -> usize {
    kept.push_str(&record.repeat(times.unwrap_or(1)));
    kept.len()
}

/// The quotient of all numbers so far: infinite once one is 0, which no state can be.
#[accumulate(start = 1.0)]
fn quotient(quotient: &mut f64, x: f64) -> String {
    *quotient /= x;
    format!("{quotient:?}")
}

/// How often it was called on this instance, which is no state: two instances do not agree.
#[accumulate]
fn disagrees(state: &mut u64, record: &str) -> Result<u64, String> {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let seen = SEEN.fetch_add(1, Relaxed);
    *state += 1;
    match record {
        "bad" => Err("no".to_owned()),
        _ if seen + 1 == *state => Ok(seen),
        _ => Err("this is another instance".to_owned()),
    }
}
