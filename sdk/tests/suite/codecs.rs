//! What a record becomes, and what a value becomes.

use std::borrow::Cow;

use engine_sdk::map;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::call::{call, outputs};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Visit {
    user: String,
    seconds: Option<f64>,
}

#[derive(Deserialize, Serialize)]
struct Lent<'a> {
    user: &'a str,
}

/// Functions that give back what they take.
macro_rules! identities {
    ($($name:ident $type:ty,)*) => { $(
        #[map]
        fn $name(record: $type) -> $type {
            record
        }
    )* };
}

identities! {
    same_i8 i8,
    same_i64 i64,
    same_u64 u64,
    same_i128 i128,
    same_f32 f32,
    same_f64 f64,
    same_bool bool,
    same_char char,
    same_string String,
    same_boxed Box<str>,
    same_cow Cow<'_, str>,
    same_text &str,
    same_visit Visit,
    same_lent Lent<'_>,
}

#[map]
fn lent_visit(visit: &Visit) -> &str {
    &visit.user
}

#[map]
fn slice(numbers: &[i64]) -> i64 {
    numbers.iter().sum()
}

#[map]
fn length(record: &[u8]) -> usize {
    record.len()
}

fn same(name: &str, record: &str) -> String {
    let outcome = call(name, &[record]);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    outputs(&outcome)[0].to_owned()
}

#[test]
fn numbers_accept_any_json_notation() {
    assert_eq!(same("same_i64", " 7\r"), "7");
    assert_eq!(same("same_i64", "-0"), "0");
    assert_eq!(same("same_f64", "1e3"), "1000.0");
    assert_eq!(same("same_f64", " 7 "), "7.0");
    assert_eq!(same("same_bool", " true"), "true");
}

#[test]
fn references_are_borrowed() {
    assert_eq!(outputs(&call("lent_visit", &[r#"{"user":"ann"}"#])), ["ann"]);
    assert_eq!(outputs(&call("slice", &["[1,2,3]"])), ["6"]);
    assert_eq!(outputs(&call("length", &["", "abc"])), ["0", "3"]);
    assert_eq!(outputs(&call("same_lent", &[r#"{"user":"ann"}"#])), [r#"{"user":"ann"}"#]);
}

proptest! {
    #[test]
    fn integers_round_trip(x: i64, small: i8, large: u64, huge: i128) {
        prop_assert_eq!(same("same_i64", &x.to_string()), x.to_string());
        prop_assert_eq!(same("same_i8", &small.to_string()), small.to_string());
        prop_assert_eq!(same("same_u64", &large.to_string()), large.to_string());
        prop_assert_eq!(same("same_i128", &huge.to_string()), huge.to_string());
    }

    #[test]
    fn floats_round_trip(x: f64, small: f32) {
        prop_assert_eq!(same("same_f64", &x.to_string()).parse(), Ok(x));
        prop_assert_eq!(same("same_f32", &small.to_string()).parse(), Ok(small));
    }

    #[test]
    fn text_round_trips(text: String, character: char) {
        for name in ["same_text", "same_string", "same_boxed", "same_cow"] {
            prop_assert_eq!(&same(name, &text), &text);
        }
        let character = character.to_string();
        prop_assert_eq!(same("same_char", &character), character);
    }

    #[test]
    fn structures_round_trip(user: String, seconds: Option<i32>) {
        let visit = Visit { user, seconds: seconds.map(f64::from) };
        let json = serde_json::to_string(&visit).expect("it is JSON");
        prop_assert_eq!(serde_json::from_str::<Visit>(&same("same_visit", &json)).expect("it is JSON"), visit);
    }
}
