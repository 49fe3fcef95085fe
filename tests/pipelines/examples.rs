//! The pipeline files of `examples/pipelines`, over real data.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Did, Listening, engine, fed, posted, root};

/// Runs an example with its files in `out`.
fn run(name: &str, out: &Path) -> Did {
    let path = root().join("examples/pipelines").join(name).with_extension("toml");
    let mut command = engine(["run".as_ref(), path.as_os_str()]);
    command.env("OUT", out);
    fed(command, "")
}

#[test]
fn the_log_example_counts_in_windows() {
    let folder = tempfile::tempdir().unwrap();
    let Did { code, stdout, stderr } = run("packages", folder.path());
    assert_eq!((code, &*stderr), (Some(0), ""));
    let windows: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // 2,494 lines: four full windows, and the rest.
    assert_eq!(windows.len(), 5);
    assert_eq!(
        (&windows[0]["from"], &windows[4]["to"]),
        (&"2025-06-24 14:36:25".into(), &"2025-06-24 14:42:16".into())
    );
    let total =
        |action: &str| windows.iter().filter_map(|window| window["actions"][action].as_u64()).sum::<u64>();
    let log = fs::read_to_string(root().join("examples/data/packages.log")).unwrap();
    let counted =
        |action: &str| log.lines().filter(|line| line.split(' ').nth(2) == Some(action)).count() as u64;
    for action in ["install", "upgrade", "configure", "status", "startup"] {
        assert_eq!(total(action), counted(action), "{action}");
    }
}

#[test]
fn the_table_example_cleans_rows_and_diverts_impossible_ones() {
    let folder = tempfile::tempdir().unwrap();
    let did = run("clean", folder.path());
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.starts_with("engine: 1 record put aside in "), "{}", did.stderr);
    let clean = fs::read_to_string(folder.path().join("clean.csv")).unwrap();
    let table = fs::read_to_string(root().join("examples/data/weather.csv")).unwrap();
    assert_eq!(clean.lines().next(), table.lines().next());
    assert_eq!(clean.lines().count(), table.lines().count() - 1);
    assert!(!clean.contains("NA"));
    let letter: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("impossible.ndjson")).unwrap()).unwrap();
    let line = letter["number"].as_u64().and_then(|number| table.lines().nth(number as usize));
    assert!(line.unwrap().starts_with("EWR,2013,2,12,3,"), "{letter}");
    assert!(letter["message"].as_str().unwrap().contains("1048 mph"), "{letter}");
}

#[test]
fn the_fan_out_example_writes_to_two_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let Did { code, stderr, .. } = run("storms", folder.path());
    assert_eq!((code, &*stderr), (Some(0), ""));
    let storms = fs::read_to_string(folder.path().join("storms.txt")).unwrap();
    assert!(storms.lines().count() > 5 && storms.contains("JFK"), "{storms}");
    let warmest = fs::read_to_string(folder.path().join("warmest.txt")).unwrap();
    // The airports follow one another; each is colder at the start of its year than in the middle.
    let of = |airport: &str| warmest.lines().filter(|line| line.contains(airport)).count();
    assert!(["EWR", "JFK", "LGA"].iter().all(|airport| of(airport) > 5), "{warmest}");
}

#[test]
fn the_http_example_redacts_posted_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = root().join("examples/pipelines/messages.toml");
    let mut command = engine(["run".as_ref(), path.as_os_str()]);
    let run = Listening::start(command.env("OUT", folder.path()).env("ADDRESS", "127.0.0.1:0"));
    let messages = fs::read_to_string(root().join("examples/data/contacts.ndjson")).unwrap();
    let answer = posted(&run.address, "/messages", "application/x-ndjson", &messages);
    assert!(answer.starts_with("HTTP/1.0 202"), "{answer}");
    assert_eq!(run.interrupt(), Some(130));
    let written = fs::read_to_string(folder.path().join("messages.ndjson")).unwrap();
    assert_eq!(written.lines().count(), messages.lines().count());
    assert!(
        written.contains("[email]") && written.contains("[address]") && !written.contains("@example"),
        "{written}"
    );
}
