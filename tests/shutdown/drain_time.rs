//! How long a run may drain.

use std::io::Write;
use std::thread;

use super::peer::peer;
use super::run::Run;
use crate::support::{engine, function_of, hostile};

#[test]
fn a_function_that_outlasts_the_drain_is_abandoned_with_its_record() {
    let mut command = engine(["run", "-q", "--drain-timeout", "1s", "--timeout", "1000s", "-p"]);
    command.arg(function_of(&hostile("misdeeds"), "loops"));
    let mut run = Run::start(command);
    run.feed("good\nbad\n");
    assert_eq!(run.printed::<5>(), *b"good\n");
    run.signal("-TERM");
    let did = run.ended();
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.contains("not finished within 1s (--drain-timeout): "), "{}", did.stderr);
    assert!(did.stderr.contains("records from 2 on were not finished"), "{}", did.stderr);
}

#[test]
fn a_slow_function_holds_no_more_than_it_soon_finishes() {
    let mut command = engine(["run", "--json", "--threads", "2", "--drain-timeout", "20s", "-p"]);
    command.arg(function_of(&hostile("misdeeds"), "slow_loop"));
    let mut run = Run::start(command);
    // Each record takes a millisecond, and there is always one more.
    let mut stdin = run.0.stdin.take().unwrap();
    let feeding = thread::spawn(move || while stdin.write_all(&b"1000\n".repeat(10_000)).is_ok() {});
    // By now the buffer has grown to what it comes to.
    run.printed::<10_000>();
    run.signal("-INT");
    let did = run.ended();
    feeding.join().unwrap();
    // What 262,144 records would take is more than two minutes.
    assert_eq!(did.code, Some(130), "{}", did.stderr);
    let summary: serde_json::Value = serde_json::from_str(did.stderr.trim()).unwrap();
    assert_eq!(summary["records_in"], summary["records_out"], "{summary:#}");
    assert!(summary["records_in"].as_u64().unwrap() < 50_000, "{summary:#}");
}

#[test]
fn the_file_sets_the_drain_timeout_and_zero_ends_at_once() {
    for (limits, flags, code, said) in [
        ("drain_timeout = \"100ms\"", &[][..], 1, "within 100ms"),
        ("drain_timeout = 0", &[], 143, "within 0s"),
        ("drain_timeout = \"1h\"", &["--drain-timeout", "0"], 143, "within 0s"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (address, connections) = peer("");
        let sink = format!("type = \"websocket\"\nurl = \"ws://{address}/\"");
        let pipeline = format!("[sources.stdin]\n[sinks.out]\n{sink}\n[limits]\n{limits}\n");
        let mut run = Run::of_file(folder.path(), &pipeline, flags);
        run.feed("x\n");
        let _connection = connections.recv().unwrap();
        run.signal("-TERM");
        let did = run.ended();
        assert_eq!(did.code, Some(code), "{limits}: {}", did.stderr);
        assert!(did.stderr.contains(said), "{limits}: {}", did.stderr);
    }
}
