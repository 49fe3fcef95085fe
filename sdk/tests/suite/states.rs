//! Functions that accumulate: their states, keys, and what is written and read again.

use std::collections::BTreeMap;

use engine_sdk::__private::{Format, Kind, Outcome, Process, describe};
use engine_sdk::{Failure, accumulate};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::call::{batch, failures, open_with, outputs};

#[accumulate]
fn count(total: &mut u64, _line: &str) -> u64 {
    *total += 1;
    *total
}

#[accumulate(start = "-", end = "!")]
fn joined(so_far: &mut String, line: &str, end: &str) -> String {
    so_far.push_str(line);
    format!("{so_far}{end}")
}

#[derive(Default, Deserialize, Serialize)]
struct Seen {
    numbers: BTreeMap<i64, u32>,
    sum: f64,
}

/// What was not seen before; fails for negative ones after it has taken them.
#[accumulate(needs("clock"))]
fn fresh(seen: &mut Seen, x: i64) -> Result<Option<i64>, Failure> {
    let times = seen.numbers.entry(x).or_default();
    *times += 1;
    seen.sum += x as f64 / 3.0;
    if x < 0 {
        return Err(Failure::retry("negative"));
    }
    Ok((*times == 1).then_some(x))
}

#[accumulate(start = f64::NEG_INFINITY)]
fn largest(largest: &mut f64, x: f64) -> f64 {
    *largest = largest.max(x);
    *largest
}

#[accumulate(start = (0.0, f64::INFINITY))]
fn smallest(smallest: &mut (f64, f64), x: f64) -> f64 {
    smallest.1 = smallest.1.min(x);
    smallest.1
}

#[accumulate]
fn mean(state: &mut (f64, u32), x: f64) -> f64 {
    (state.0, state.1) = (state.0 + x, state.1 + 1);
    state.0 / f64::from(state.1)
}

/// Opens `name` with a state that was left.
fn resumed(name: &str, state: &[u8]) -> Result<Process, String> {
    engine_sdk::__private::open(name, Vec::new(), Some(state))
}

fn give(process: &Process, records: &[&str]) -> Outcome {
    process.process(&batch(records), None, 1 << 20)
}

fn give_by_key(process: &Process, pairs: &[(&str, &str)]) -> Outcome {
    let (keys, records): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    process.process(&batch(&records), Some(&batch(&keys)), 1 << 20)
}

#[test]
fn a_state_is_carried_across_records_and_calls() {
    let process = open_with("count", &[]).unwrap();
    assert_eq!(outputs(&give(&process, &["a", "b"])), ["1", "2"]);
    let outcome = give(&process, &["c"]);
    assert_eq!((outputs(&outcome), &outcome.counts, outcome.consumed), (vec!["3"], &None, 1));
    let process = open_with("joined", &[("end", "?")]).unwrap();
    assert_eq!(outputs(&give(&process, &["a", "b"])), ["-a?", "-ab?"]);
    let (mut total, mut text) = (1, "x".to_owned());
    assert_eq!((count(&mut total, ""), joined(&mut text, "y", "z")), (2, "xyz".to_owned()));
}

#[test]
fn signatures_describe_the_state() {
    let signature = |name: &str| describe().into_iter().find(|known| known.name == name).unwrap();
    let count = signature("count");
    assert_eq!((count.kind, count.input.format), (Kind::Accumulate, Format::Text));
    let state = |name: &str| signature(name).state.map(|shape| (shape.format, shape.schema.is_some()));
    assert_eq!(state("count"), Some((Format::Json, true)));
    assert_eq!(state("joined"), Some((Format::Text, false)));
    assert_eq!(state("fresh"), Some((Format::Json, false)));
    assert_eq!(state("inc"), None);
    assert_eq!(signature("joined").parameters.len(), 1);
    assert_eq!(signature("fresh").capabilities, ["clock"]);
}

#[test]
fn a_call_stops_at_its_own_failure_and_not_at_an_undecodable_record() {
    let process = open_with("fresh", &[]).unwrap();
    let outcome = give(&process, &["1", "x", "1", "2"]);
    assert_eq!((outputs(&outcome), outcome.consumed), (vec!["1", "2"], 4));
    assert_eq!(outcome.counts, Some(vec![1, 0, 0, 1]));
    assert_eq!(failures(&outcome), [(1, "expected an integer (i64), found \"x\"")]);
    let outcome = give(&process, &["3", "-1", "4"]);
    assert_eq!((outputs(&outcome), outcome.consumed), (vec!["3"], 2));
    assert_eq!(failures(&outcome), [(1, "negative")]);
    assert!(outcome.failures[0].retryable);
}

#[test]
fn each_key_has_a_state_of_its_own() {
    let process = open_with("count", &[]).unwrap();
    let outcome = give_by_key(&process, &[("a", "x"), ("", "x"), ("a", "x"), ("b", "x")]);
    assert_eq!(outputs(&outcome), ["1", "1", "2", "1"]);
    let resumed = resumed("count", &process.state().unwrap()).unwrap();
    assert_eq!(outputs(&give_by_key(&resumed, &[("b", "x"), ("a", "x"), ("c", "x")])), ["2", "3", "1"]);
    // A record that fails leaves no key.
    let process = open_with("fresh", &[]).unwrap();
    give_by_key(&process, &[("a", "1")]);
    let before = process.state().unwrap();
    give_by_key(&process, &[("b", "x"), ("c", "-1")]);
    assert_eq!(process.state().unwrap(), before);
}

#[test]
fn keys_come_with_all_records_or_with_none() {
    let process = open_with("count", &[]).unwrap();
    give(&process, &["a"]);
    let outcome = give_by_key(&process, &[("a", "x"), ("a", "x")]);
    assert_eq!(failures(&outcome), [(0, "it has one state, which is for no key")]);
    let process = open_with("count", &[]).unwrap();
    give_by_key(&process, &[("a", "x")]);
    assert_eq!(failures(&give(&process, &["a"])).len(), 1);
}

#[test]
fn a_state_that_cannot_be_read_back_fails_when_saved() {
    for name in ["largest", "smallest"] {
        let process = open_with(name, &[]).unwrap();
        give(&process, &["x"]);
        let said = process.state().unwrap_err().to_string();
        assert!(said.contains("the state does not come back") || said.contains("no JSON"), "{said}");
        give(&process, &["3"]);
        let resumed = resumed(name, &process.state().unwrap()).unwrap();
        assert_eq!(outputs(&give(&resumed, &["4"])), [if name == "largest" { "4.0" } else { "3.0" }]);
    }
}

#[test]
fn invalid_state_bytes_are_refused() {
    let process = open_with("fresh", &[]).unwrap();
    give_by_key(&process, &[("a", "1"), ("b", "2")]);
    let good = process.state().unwrap();
    assert!(resumed("fresh", &good).is_ok());
    let refused = |state: &[u8]| resumed("fresh", state).err().expect("it is refused");
    for end in 0..good.len() {
        let said = refused(&good[..end]);
        assert!(said.starts_with("the state: "), "{end}: {said}");
    }
    assert_eq!(refused(&[&good[..], b"x"].concat()), "the state: it ends too late");
    assert_eq!(refused(b"acc1\x03"), "the state: it was written by something else");
    assert_eq!(refused(b"acc1\x00x"), "the state: it was written by something else");
    assert_eq!(refused(b"acc1\x02\xff\xff\xff\xff"), "the state: it ends too early");
    assert!(refused(b"acc1\x01{\"numbers\":7}").starts_with("the state: expected JSON"));
}

proptest! {
    #[test]
    fn any_state_bytes_cause_no_panic(bytes: Vec<u8>, kind in 0_u8..4) {
        for name in ["count", "fresh", "joined"] {
            let _ = resumed(name, &bytes);
            let _ = resumed(name, &[&b"acc1"[..], &[kind], &bytes].concat());
        }
    }

    #[test]
    fn saving_and_restoring_a_state_anywhere_changes_no_output(
        pairs in prop::collection::vec(("[ab]{0,2}", any::<f64>().prop_filter("no JSON", |x| x.abs() < 1e300)), 1..40),
        cut in 0_usize..40,
        by_key: bool,
    ) {
        let texts: Vec<_> = pairs.iter().map(|(key, x)| (key.clone(), format!("{x:?}"))).collect();
        let pairs: Vec<_> = texts.iter().map(|(key, x)| (key.as_str(), x.as_str())).collect();
        let (first, second) = pairs.split_at(cut.min(pairs.len()));
        let run = |process: &Process, pairs: &[(&str, &str)]| {
            let outcome = if by_key {
                give_by_key(process, pairs)
            } else {
                give(process, &pairs.iter().map(|pair| pair.1).collect::<Vec<_>>())
            };
            outputs(&outcome).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let whole = run(&open_with("mean", &[]).unwrap(), &pairs);
        let process = open_with("mean", &[]).unwrap();
        let mut parts = run(&process, first);
        parts.extend(run(&resumed("mean", &process.state().unwrap()).unwrap(), second));
        prop_assert_eq!(parts, whole);
    }
}
