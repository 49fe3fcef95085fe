//! Which signals end a run, and how.

use std::fs;
use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::run::Run;
use crate::support::{engine, plugin};

#[test]
fn two_signals_end_the_run_and_its_commands_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline =
        "[sources.stdin]\n[sinks.process]\ncommand = [\"sh\", \"-c\", \"echo $$; exec sleep 1000\"]\n";
    let mut run = Run::of_file(folder.path(), pipeline, &[]);
    run.feed("x\n");
    let mut pid = String::new();
    let mut stdout = run.0.stdout.take().unwrap();
    while !pid.ends_with('\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        pid.push(byte[0].into());
    }
    run.signal("-TERM");
    run.signal("-INT");
    let did = run.ended();
    // Two signals that come together may come in any order.
    assert!(matches!(did.code, Some(130 | 143)), "{:?} {}", did.code, did.stderr);
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // Its new parent may not have reaped it yet, which no event reports.
    while !(state().is_empty() || state().contains(") Z ")) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_hangup_drains_the_run_unless_it_is_ignored() {
    let command = || {
        let mut command = engine(["run", "-q", "-p"]);
        command.arg(plugin("inc"));
        command
    };
    // The test's own parent may have ignored the signal.
    let mut usual = Command::new("env");
    usual.arg("--default-signal=HUP").arg(command().get_program()).args(command().get_args());
    let mut run = Run::start(usual);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    run.signal("-HUP");
    let did = run.ended();
    assert_eq!(did.code, Some(129), "{}", did.stderr);
    let mut nohup = Command::new("nohup");
    nohup.arg(command().get_program()).args(command().get_args());
    let mut run = Run::start(nohup);
    run.feed("1\n");
    assert_eq!(run.printed::<2>(), *b"2\n");
    run.signal("-HUP");
    run.feed("2\n");
    drop(run.0.stdin.take());
    let did = run.ended();
    assert_eq!((did.code, &*did.stdout), (Some(0), "3\n"), "{}", did.stderr);
}
