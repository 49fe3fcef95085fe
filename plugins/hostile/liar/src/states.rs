//! Misbehaviour with states: while one is told, while a function is opened with one, and between both.

use std::hint::black_box;

use crate::{Batch, Failure, Outcome};

/// The functions, all of which accumulate and give each record back.
pub(crate) const ALL: &[&str] = &[
    "has_a_state",
    "loops_in_state",
    "panics_in_state",
    "refuses_state",
    "huge_state",
    "loops_with_state",
    "panics_with_state",
    "refuses_with_state",
    "goes_on_after_a_retry",
    "counts_two",
    "gives_keys",
];

/// As far as `name` goes on with a state.
pub(crate) fn open(name: &str) -> Result<(), String> {
    match name {
        "loops_with_state" => endless(),
        "panics_with_state" => panic!("I don't go on"),
        "refuses_with_state" => Err("I won't go on\x1b[2J\nfake line".to_owned()),
        _ => Ok(()),
    }
}

pub(crate) fn state(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "loops_in_state" => endless(),
        "panics_in_state" => panic!("I have no state"),
        "refuses_state" => Err("I won't tell\x1b[2J\nfake line".to_owned()),
        "huge_state" => Ok(vec![1; 40 << 20]),
        _ => Ok(b"a state".to_vec()),
    }
}

/// What `name` makes of an outcome; `keys` are there if there are keys.
pub(crate) fn lie(name: &str, keys: Option<&Batch>, outcome: &mut Outcome) {
    let records = outcome.consumed;
    match name {
        "goes_on_after_a_retry" if records > 1 => {
            outcome.failures = vec![Failure { index: 0, message: "later".to_owned(), retryable: true }];
            let first = outcome.output.ends.remove(0) as usize + 1;
            outcome.output.data.drain(..first);
            outcome.output.ends.iter_mut().for_each(|end| *end -= first as u32);
        }
        "counts_two" => outcome.counts = Some(vec![2; records as usize]),
        "gives_keys" => {
            let keys = keys.expect("keys come with the records");
            assert_eq!(keys.ends.len(), records as usize, "a key for each record");
            outcome.output = Batch { data: keys.data.clone(), ends: keys.ends.clone() };
        }
        _ => {}
    }
}

fn endless() -> ! {
    loop {
        black_box(());
    }
}
