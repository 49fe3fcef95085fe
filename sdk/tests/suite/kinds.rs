//! What each kind of function gives for each record.

use engine_sdk::{filter, flat_map, map, sink};

use crate::call::{call, call_with, failures, outputs};

#[map]
fn inc(x: i64) -> i64 {
    x + 1
}

#[map]
fn positive_root(x: f64) -> Option<f64> {
    (x >= 0.0).then(|| x.sqrt())
}

#[map]
fn even_half(x: i64) -> Result<Option<i64>, String> {
    match x {
        ..0 => Err("negative".to_owned()),
        _ => Ok((x % 2 == 0).then_some(x / 2)),
    }
}

#[map]
fn optional_result(x: i64) -> Option<Result<i64, String>> {
    (x != 0).then(|| if x > 0 { Ok(x) } else { Err("negative".to_owned()) })
}

#[filter]
fn is_even(x: i64) -> bool {
    x % 2 == 0
}

#[filter]
fn parses(text: &str) -> Result<bool, std::num::ParseIntError> {
    text.parse::<i64>().map(|number| number > 0)
}

#[flat_map]
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

#[flat_map]
fn characters<'a>(line: &'a str) -> Box<dyn Iterator<Item = char> + 'a> {
    Box::new(line.chars())
}

#[flat_map]
fn count_up(n: u32) -> Result<Vec<u32>, String> {
    if n > 3 { Err(format!("{n} is too many")) } else { Ok((0..n).collect()) }
}

#[flat_map]
fn roots(x: f64) -> [f64; 2] {
    [x.sqrt(), -x.sqrt()]
}

#[sink]
fn swallow(_: &[u8]) {}

#[sink]
fn refuse_empty(line: &str) -> Result<(), &'static str> {
    if line.is_empty() { Err("empty") } else { Ok(()) }
}

#[test]
fn a_map_gives_one_output_for_each_record() {
    let outcome = call("inc", &["1", "-1", "41"]);
    assert_eq!(outputs(&outcome), ["2", "0", "42"]);
    assert_eq!((outcome.consumed, outcome.counts), (3, None));
}

#[test]
fn a_map_of_nothing_gives_nothing() {
    let outcome = call("inc", &[]);
    assert!(outputs(&outcome).is_empty());
    assert_eq!((outcome.consumed, outcome.counts), (0, None));
}

#[test]
fn none_leaves_a_record_out() {
    let outcome = call("positive_root", &["4", "-4", "9"]);
    assert_eq!(outputs(&outcome), ["2.0", "3.0"]);
    assert_eq!(outcome.counts, Some(vec![1, 0, 1]));
}

#[test]
fn counts_distinguish_failed_records_from_dropped_ones() {
    let outcome = call("even_half", &["-1", "2", "x", "3", "-2", "4"]);
    assert_eq!(outputs(&outcome), ["1", "2"]);
    assert_eq!(outcome.counts, Some(vec![0, 1, 0, 0, 0, 1]));
    assert_eq!(outcome.failures.iter().map(|failure| failure.index).collect::<Vec<_>>(), [0, 2, 4]);
}

#[test]
fn failed_records_alone_do_not_need_counts() {
    let outcome = call("even_half", &["2", "-1", "4"]);
    assert_eq!(outputs(&outcome), ["1", "2"]);
    assert_eq!(outcome.counts, None);
}

#[test]
fn an_option_may_hold_a_result() {
    let outcome = call("optional_result", &["1", "0", "-1"]);
    assert_eq!(outputs(&outcome), ["1"]);
    assert_eq!(outcome.counts, Some(vec![1, 0, 0]));
    assert_eq!(failures(&outcome), [(2, "negative")]);
}

#[test]
fn a_filter_counts_the_records_it_keeps() {
    let outcome = call("is_even", &["1", "2", "3"]);
    assert_eq!(outcome.counts, Some(vec![0, 1, 0]));
    assert!(outcome.output.data.is_empty() && outcome.output.ends.is_empty());
}

#[test]
fn a_filter_that_keeps_all_has_no_counts() {
    assert_eq!(call("is_even", &["2", "4"]).counts, None);
}

#[test]
fn a_filter_may_fail() {
    let outcome = call("parses", &["1", "x", "-1"]);
    assert_eq!(outcome.counts, Some(vec![1, 0, 0]));
    assert_eq!(failures(&outcome), [(1, "invalid digit found in string")]);
}

#[test]
fn a_flat_map_gives_any_number_of_outputs() {
    let outcome = call("words", &["a b", "", "c"]);
    assert_eq!(outputs(&outcome), ["a", "b", "c"]);
    assert_eq!(outcome.counts, Some(vec![2, 0, 1]));
    assert_eq!(outputs(&call("characters", &["hé"])), ["h", "é"]);
}

#[test]
fn a_flat_map_may_fail_before_its_first_output() {
    let outcome = call("count_up", &["2", "9", "1"]);
    assert_eq!(outputs(&outcome), ["0", "1", "0"]);
    assert_eq!(outcome.counts, Some(vec![2, 0, 1]));
    assert_eq!(failures(&outcome), [(1, "9 is too many")]);
}

#[test]
fn a_record_that_fails_midway_leaves_no_output() {
    let outcome = call("roots", &["4", "1e308", "-1", "9"]);
    assert_eq!(outputs(&outcome)[..2], ["2.0", "-2.0"]);
    assert_eq!(outcome.counts, Some(vec![2, 2, 0, 2]));
    assert_eq!(failures(&outcome), [(2, "the result is NaN, which is no JSON")]);
}

#[test]
fn a_sink_has_no_output() {
    let outcome = call("swallow", &["a", "b"]);
    assert_eq!((outcome.consumed, outcome.counts), (2, None));
    assert!(outcome.output.data.is_empty() && outcome.failures.is_empty());
}

#[test]
fn a_sink_stops_at_the_record_that_fails() {
    let outcome = call("refuse_empty", &["a", "", "b"]);
    assert_eq!((outcome.consumed, &outcome.counts), (2, &None));
    assert_eq!(failures(&outcome), [(1, "empty")]);
}

#[test]
fn a_full_output_ends_the_call_after_the_current_record() {
    let outcome = call_with("words", &[], 4, &["a", "b c", "d", "e"]);
    assert_eq!(outputs(&outcome), ["a", "b", "c"]);
    assert_eq!((outcome.consumed, outcome.counts), (2, Some(vec![1, 2])));
}

#[test]
fn one_record_may_exceed_the_output_limit() {
    let outcome = call_with("inc", &[], 1, &["1", "2"]);
    assert_eq!((outputs(&outcome), outcome.consumed), (vec!["2"], 1));
}
