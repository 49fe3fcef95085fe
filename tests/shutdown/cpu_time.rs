//! The limit on processor time ends a run as a signal does.

#[cfg(target_os = "linux")]
use std::fs;
use std::process::Command;

use super::run::Run;
use crate::support::{Did, engine, plugin};

#[test]
fn the_cpu_time_limit_drains_a_run() {
    let mut command = engine(["run", "-p"]);
    command.arg(plugin("inc"));
    let mut run = Run::start(command);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    // The system sends it each second.
    (0..3).for_each(|_| run.signal("-XCPU"));
    let did = run.ended();
    assert_eq!(did.code, Some(152), "{}", did.stderr);
    assert!(did.stderr.contains("engine: the limit on processor time is reached"), "{}", did.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_exceeds_its_cpu_time_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut run = Command::new("sh");
    run.args(["-c", "ulimit -S -t 2; yes 1 | \"$0\" run --json -p \"$1\" -o \"$2\""]);
    run.arg(env!("CARGO_BIN_EXE_engine")).arg(plugin("inc")).arg(&output);
    let did = Did::from(run.output().unwrap());
    assert_eq!(did.code, Some(152), "{}", did.stderr);
    let summary: serde_json::Value = serde_json::from_str(did.stderr.trim()).unwrap();
    let lines = fs::read_to_string(&output).unwrap();
    assert_eq!(lines.lines().count() as u64, summary["records_in"].as_u64().unwrap(), "{summary:#}");
    assert!(lines.lines().all(|line| line == "2"));
}
