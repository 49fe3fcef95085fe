//! The example plugins over real data: the weather of 26,115 hours.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{Did, engine, fed, function_of, plugin, root};

fn weather(functions: &[&str], flags: &[&str]) -> Did {
    let mut command = engine(["run", "--input"]);
    command.arg(root().join("examples/data/weather.csv")).args(flags);
    for function in functions {
        command.args(["--plugin", &function_of(&plugin("weather"), function)]);
    }
    fed(command, "")
}

#[test]
fn each_row_is_parsed_to_json() {
    let did = weather(&["parse"], &[]);
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    let rows = fs::read_to_string(root().join("examples/data/weather.csv")).unwrap();
    assert_eq!(did.stdout.lines().count(), rows.lines().count() - 1, "all but the header");
    for (line, row) in did.stdout.lines().zip(rows.lines().skip(1)) {
        let observation: Value = serde_json::from_str(line).unwrap();
        let (airport, rest) = row.split_once(',').unwrap();
        assert_eq!(observation["origin"], airport);
        // Temperature is the sixth column.
        let temperature = rest.split(',').nth(4).unwrap();
        assert_eq!(observation["temp"].as_f64(), temperature.parse().ok(), "{row}");
    }
}

#[test]
fn a_chain_reports_the_windy_hours_in_their_order() {
    let did = weather(&["parse", "windy", "report"], &[]);
    assert_eq!(did.code, Some(0));
    assert!((10..=25).contains(&did.stdout.lines().count()), "{}", did.stdout);
    let scattered = weather(&["parse", "windy", "report"], &["--buffer", "3", "--threads", "3"]);
    let sequential = weather(&["parse", "windy", "report"], &["--sequential"]);
    assert_eq!(did.stdout, scattered.stdout);
    assert_eq!(did.stdout, sequential.stdout);
}

#[test]
fn measures_match_the_values_of_the_table() {
    let did = weather(&["parse", "measures"], &[]);
    let mut counts = BTreeMap::<String, usize>::new();
    for line in did.stdout.lines() {
        let measure: Value = serde_json::from_str(line).unwrap();
        *counts.entry(measure["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    // 2,729 pressures are missing, as the data's description says.
    assert_eq!(counts["pressure"], 26_115 - 2729, "{counts:?}");
}

#[test]
fn wrong_data_is_reported_at_its_row() {
    let did = weather(&["parse", "check"], &[]);
    assert_eq!(did.code, Some(1));
    assert!(did.stderr.starts_with("engine: record 1011: check: "), "{}", did.stderr);
    assert_eq!(did.stdout.lines().count(), 1009, "the rows before it, without the header");
}

#[test]
fn personal_data_is_masked_and_the_rest_kept() {
    let contacts = root().join("examples/data/contacts.ndjson");
    let mut command = engine(["run", "--arg", "1.mask=x", "--arg", "2.mask=y", "--input"]);
    command.arg(&contacts);
    for function in ["emails", "addresses"] {
        command.args(["--plugin", &function_of(&plugin("redact"), function)]);
    }
    let did = fed(command, "");
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    assert!(!did.stdout.contains("@example"), "{}", did.stdout);
    let contacts = fs::read_to_string(contacts).unwrap();
    assert_eq!(did.stdout.lines().count(), contacts.lines().count());
    for line in did.stdout.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}
