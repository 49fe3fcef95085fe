//! Arguments, defaults and what is said of wrong ones.

use engine_sdk::map;
use serde::Deserialize;

use crate::call::{call, call_with, open_with, outputs};

#[derive(Deserialize)]
struct Limits {
    low: i64,
    high: i64,
}

#[map(step = 1, times = -2)]
fn add(x: i64, step: i64, times: i32) -> i64 {
    x + step * i64::from(times)
}

#[map(greeting = "hello", mark = '!')]
fn greet(name: &str, greeting: &str, mark: char, title: Option<&str>) -> String {
    format!("{greeting} {}{name}{mark}", title.unwrap_or_default())
}

#[map]
fn clamp(x: i64, limits: &Limits, unless: Option<bool>) -> i64 {
    if unless == Some(true) { x } else { x.clamp(limits.low, limits.high) }
}

#[map]
fn sum(x: i64, of: &[i64], bytes: &[u8], owned: String) -> i64 {
    x + of.iter().sum::<i64>() + (bytes.len() + owned.len()) as i64
}

fn one(name: &str, arguments: &[(&str, &str)], record: &str) -> String {
    outputs(&call_with(name, arguments, 100, &[record]))[0].to_owned()
}

#[test]
fn defaults_fill_in_missing_arguments() {
    assert_eq!(outputs(&call("add", &["1"])), ["-1"]);
    assert_eq!(one("add", &[("step", "5")], "1"), "-9");
    assert_eq!(one("add", &[("times", "3"), ("step", "5")], "1"), "16");
}

#[test]
fn text_is_taken_as_it_is() {
    assert_eq!(outputs(&call("greet", &["Ann"])), ["hello Ann!"]);
    assert_eq!(one("greet", &[("title", "Dr. "), ("greeting", "\"hi\"")], "Ann"), "\"hi\" Dr. Ann!");
}

#[test]
fn structures_are_json() {
    let limits = ("limits", r#"{"low":0,"high":9}"#);
    assert_eq!(one("clamp", &[limits], "12"), "9");
    assert_eq!(one("clamp", &[limits, ("unless", "true")], "12"), "12");
    assert_eq!(one("sum", &[("of", "[1,2]"), ("bytes", "abc"), ("owned", "ab")], "1"), "9");
}

#[test]
fn a_wrong_argument_is_named() {
    let error = |name, arguments| open_with(name, arguments).err().expect("it does not open");
    assert_eq!(error("clamp", &[]), "argument `limits` is missing");
    assert_eq!(error("add", &[("step", "x")]), r#"argument `step`: expected an integer (i64), found "x""#);
    assert_eq!(error("add", &[("stpe", "1")]), "`add` has no parameter `stpe`; it has step, times");
    assert_eq!(
        error("clamp", &[("limits", r#"{"low":0}"#)]),
        r#"argument `limits`: expected JSON (missing field `high` at line 1 column 9), found "{"low":0}""#
    );
}

#[test]
fn an_unknown_function_is_named() {
    let error = open_with("nothing", &[]).err().expect("it does not open");
    assert!(error.starts_with("no function `nothing`; there is add, "), "{error}");
}

mod twin {
    #[engine_sdk::map]
    fn twice(x: i64) -> i64 {
        x * 2
    }
}

mod other {
    #[engine_sdk::map]
    fn twice(x: i64) -> i64 {
        x + x
    }
}

#[test]
fn two_functions_of_one_name_are_refused() {
    let error = open_with("twice", &[]).err().expect("it does not open");
    assert!(error.starts_with("two functions are named `twice`, at "), "{error}");
    assert!(error.contains("parameters.rs:"), "{error}");
}

/// Parameters with the names that the expansion might have taken for itself.
#[map]
fn named_like_it(
    x: i64,
    value: i64,
    record: i64,
    batch: i64,
    room: i64,
    outputs: i64,
    arguments: i64,
) -> i64 {
    x + value + record + batch + room + outputs + arguments
}

#[test]
fn a_parameter_may_have_any_name() {
    let names = ["value", "record", "batch", "room", "outputs", "arguments"];
    assert_eq!(one("named_like_it", &names.map(|name| (name, "10")), "1"), "61");
}
