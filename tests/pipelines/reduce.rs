//! What `reduce` and `group` make of the records of each key.

use super::support::{given, through};
use crate::support::Did;
use crate::support::pipelines::Files;

fn keyed(stage: &str, input: &str) -> Did {
    let json = "[sources.in]\ntype = \"stdin\"\nformat = \"json\"\n";
    Files::new(&format!("{json}{stage}\n[sinks.stdout]\n")).run(input.replace(' ', "\n") + "\n")
}

#[test]
fn each_key_has_one_object_at_the_end() {
    let did = keyed("[stages.reduce]\nkey = \"k\"", r#"{"k":"b"} {"k":"a"} {"k":"b"}"#);
    assert_eq!(
        (did.code, &*did.stdout),
        (Some(0), "{\"key\":\"b\",\"count\":2}\n{\"key\":\"a\",\"count\":1}\n")
    );
    let values = "[stages.reduce]\nkey = \"k\"\nvalues = { n = \"count\", sum = { sum = \"x\" }, least = { min = \"x\" }, \
                  most = { max = \"x\" }, first = { first = \"x\" }, last = { last = \"x\" } }";
    let did =
        keyed(values, r#"{"k":1,"x":3} {"k":1,"x":null} {"k":1,"x":-2.5} {"k":2,"x":18446744073709551617}"#);
    let expected = "{\"key\":1,\"n\":3,\"sum\":0.5,\"least\":-2.5,\"most\":3,\"first\":3,\"last\":-2.5}\n\
                    {\"key\":2,\"n\":1,\"sum\":18446744073709551617,\"least\":18446744073709551617,\
                    \"most\":18446744073709551617,\"first\":18446744073709551617,\"last\":18446744073709551617}\n";
    assert_eq!((&*did.stdout, &*did.stderr), (expected, ""));
    // Without a key, and for text.
    assert_eq!(given("[stages.reduce]", "a b c"), ["{\"count\":3}"]);
    assert_eq!(through("[stages.reduce]", "").stdout, "");
}

#[test]
fn keys_come_out_in_between_and_begin_anew() {
    assert_eq!(given("[stages.reduce]\nn = 2", "a b c"), ["{\"count\":2}", "{\"count\":1}"]);
    let did = keyed("[stages.group]\nkey = \"k\"\nn = 3", r#"{"k":1} {"k":2} {"k":1,"x":[1.0]} {"k":2}"#);
    assert_eq!(did.stdout, "[{\"k\":1},{\"k\":1,\"x\":[1.0]}]\n[{\"k\":2}]\n[{\"k\":2}]\n");
    let scattered = "[stages.scatter]\n[stages.reduce]\nkey = \"k\"\n[stages.buffer]\nn = 4\n[stages.gather]";
    let did = keyed(scattered, r#"{"k":1} {"k":2} {"k":1}"#);
    assert_eq!(did.stdout, "{\"key\":1,\"count\":2}\n{\"key\":2,\"count\":1}\n", "{}", did.stderr);
}

#[test]
fn a_record_beyond_a_bound_is_a_fault_that_names_it() {
    let input = r#"{"k":1} {"k":2} {"k":3} {"k":1}"#;
    let did = keyed("[stages.users]\ntype = \"reduce\"\nkey = \"k\"\nkeys = 2", input);
    let said = "engine: record 3: users: it has a new key, and there are 2 keys already\n";
    assert_eq!((did.code, &*did.stderr), (Some(1), said));
    let did = keyed("[stages.reduce]\nkey = \"k\"\nkeys = 2\non_fault = { divert = \"dead\" }", input);
    assert_eq!(did.stdout, "{\"key\":1,\"count\":2}\n{\"key\":2,\"count\":1}\n");
    // A record that needs no memory is none.
    let pad = format!("{{\"k\":1}} {{\"k\":1,\"x\":\"{}\"}}", "x".repeat(5000));
    let did = keyed("[stages.reduce]\nkey = \"k\"\nmemory = \"1KiB\"", &pad);
    assert_eq!((&*did.stdout, &*did.stderr), ("{\"key\":1,\"count\":2}\n", ""));
    let long = format!("{{\"k\":1,\"x\":\"{}\"}} {{\"k\":2}}", "x".repeat(5000));
    let did = keyed("[stages.group]\nkey = \"k\"\nmemory = \"4KiB\"\non_fault = \"skip\"", &long);
    assert_eq!(did.stdout, "[{\"k\":2}]\n");
    assert!(did.stderr.contains("all keys together would take more than 4"), "{}", did.stderr);
}

#[test]
fn a_part_that_does_not_fit_is_a_fault_and_changes_nothing() {
    let stage = "[stages.reduce]\nvalues = { n = \"count\", sum = { sum = \"x\" }, most = { max = \"y\" } }\non_fault = \"skip\"";
    let did = keyed(stage, r#"{"x":1,"y":"a"} {"x":"2","y":"b"} {"x":1,"y":3} {"y":"c"} {"x":2,"y":"b"}"#);
    assert_eq!(did.stdout, "{\"n\":2,\"sum\":3,\"most\":\"b\"}\n", "{}", did.stderr);
    let did = keyed("[stages.reduce]\nvalues = { sum = { sum = \"x\" } }", r#"{"x":1e308} {"x":1e308}"#);
    assert_eq!(did.code, Some(1));
    assert!(did.stderr.contains("record 2: reduce: with 1e308, the sum is too large"), "{}", did.stderr);
}
