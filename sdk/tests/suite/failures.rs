//! Errors, and records that can't be read.

use std::error::Error;
use std::fmt;

use engine_sdk::{Failure, map};

use crate::call::{call, failures};

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no port")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error that is only text.
struct Plain;

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("just text")
    }
}

#[map]
fn port(text: &str) -> Result<u16, Outer> {
    text.parse().map_err(Outer)
}

#[map]
fn plain(_: &str) -> Result<u16, Plain> {
    Err(Plain)
}

#[map]
fn boxed(text: &str) -> Result<u16, Box<dyn Error>> {
    Ok(text.parse()?)
}

#[map]
fn mixed(text: &str) -> Result<u16, Failure> {
    match text {
        "busy" => Err(Failure::retry("the port is busy")),
        "bad" => Err(Failure::new("a bad port")),
        _ => Ok(text.parse().map_err(Outer)?),
    }
}

#[map]
fn integer(x: i64) -> i64 {
    x
}

#[map]
fn small(x: u8) -> u8 {
    x
}

#[map]
fn number(x: f64) -> f64 {
    x * 10.0
}

#[map]
fn truth(x: bool) -> bool {
    !x
}

#[map]
fn array(x: Vec<i64>) -> usize {
    x.len()
}

#[test]
fn an_error_includes_its_sources() {
    let outcome = call("port", &["80", "x"]);
    assert_eq!(failures(&outcome), [(1, "no port: invalid digit found in string")]);
    assert!(!outcome.failures[0].retryable);
}

#[test]
fn an_error_can_be_a_plain_text() {
    assert_eq!(failures(&call("plain", &[""])), [(0, "just text")]);
    assert_eq!(failures(&call("boxed", &["x"])), [(0, "invalid digit found in string")]);
}

#[test]
fn a_failure_says_whether_to_retry() {
    let outcome = call("mixed", &["1", "busy", "bad", "x"]);
    let expected = [
        (1, "the port is busy", true),
        (2, "a bad port", false),
        (3, "no port: invalid digit found in string", false),
    ];
    let failures = outcome.failures.iter().map(|f| (f.index, f.message.as_str(), f.retryable));
    assert_eq!(failures.collect::<Vec<_>>(), expected);
}

#[test]
fn a_record_of_another_type_fails_alone() {
    assert_eq!(
        failures(&call("integer", &["1", "abc", "", "1.5", "9223372036854775808", "true"])),
        [
            (1, r#"expected an integer (i64), found "abc""#),
            (2, r#"expected an integer (i64), found """#),
            (3, r#"expected an integer (i64), found "1.5""#),
            (4, r#"expected an integer (i64), found "9223372036854775808""#),
            (5, r#"expected an integer (i64), found "true""#),
        ]
    );
    assert_eq!(
        failures(&call("small", &["256", "-1"])),
        [(0, r#"expected an integer (u8), found "256""#), (1, r#"expected an integer (u8), found "-1""#)]
    );
    assert_eq!(failures(&call("truth", &["yes"])), [(0, r#"expected true or false, found "yes""#)]);
}

#[test]
fn a_non_finite_number_fails() {
    assert_eq!(
        failures(&call("number", &["NaN", "inf", "1e999", "1e308"])),
        [
            (0, r#"expected a number (f64), found "NaN""#),
            (1, r#"expected a number (f64), found "inf""#),
            (2, r#"expected a number (f64), found "1e999""#),
            (3, "the result is inf, which is no JSON"),
        ]
    );
}

#[test]
fn invalid_json_fails_with_the_reason() {
    let outcome = call("array", &["[1,2", r#"["a"]"#]);
    assert_eq!(
        failures(&outcome),
        [
            (0, r#"expected JSON (EOF while parsing a list at line 1 column 4), found "[1,2""#),
            (
                1,
                r#"expected JSON (invalid type: string "a", expected i64 at line 1 column 4), found "["a"]""#
            ),
        ]
    );
}

#[test]
fn messages_are_short_and_printable() {
    let long = "é".repeat(100);
    let outcome = call("integer", &["\x1b[2J\n", &long]);
    let expected = format!("expected an integer (i64), found \"{}…\"", "é".repeat(60));
    assert_eq!(
        failures(&outcome),
        [(0, r#"expected an integer (i64), found "\u{1b}[2J\n""#), (1, expected.as_str())]
    );
}
