//! What every sink must keep.

use std::io::Write;
use std::path::Path;

use super::run::{Run, checked, command};
use super::sink_peer::{SinkPeer, each};

/// Enough records for several batches.
const MANY: u32 = 2000;

fn pipeline(sink: &str) -> String {
    format!("[sources.ndjson]\n[sinks.out]\n{sink}\n")
}

fn records(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("{{\"n\":{number}}}")).collect()
}

fn started(folder: &Path, peer: &dyn SinkPeer, records: &[String]) -> (Run, std::process::ChildStdin) {
    let mut run = Run::start(folder, &pipeline(&peer.node()));
    let mut stdin = run.stdin();
    stdin.write_all((records.join("\n") + "\n").as_bytes()).unwrap();
    (run, stdin)
}

fn shown(peer: &dyn SinkPeer, records: &[String]) -> Vec<String> {
    records.iter().map(|record| peer.shown(record)).collect()
}

#[test]
fn everything_has_arrived_at_the_end() {
    each(|folder, mut peer| {
        let records = records(1..MANY + 1);
        let (run, stdin) = started(folder, &*peer, &records);
        drop(stdin);
        let ended = run.ended();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(peer.rest(&ended) == shown(&*peer, &records));
        assert_eq!(ended.count("records_out"), u64::from(MANY));
    });
}

#[test]
fn a_record_arrives_when_the_input_pauses() {
    each(|folder, mut peer| {
        if peer.may_hold() {
            return;
        }
        let records = records(1..2);
        let (run, stdin) = started(folder, &*peer, &records);
        assert_eq!(peer.wait_for(&run, 1), shown(&*peer, &records));
        drop(stdin);
        let ended = run.ended();
        assert_eq!((ended.code, peer.rest(&ended)), (Some(0), vec![]));
    });
}

#[test]
fn a_signal_ends_the_run_with_what_was_read() {
    each(|folder, mut peer| {
        let records = records(1..MANY + 1);
        let (run, _stdin) = started(folder, &*peer, &records);
        let before = peer.wait_for(&run, 1);
        run.terminate();
        let ended = run.ended();
        assert_eq!(ended.code, Some(143), "{ended:?}");
        let all = [before, peer.rest(&ended)].concat();
        assert!(all == shown(&*peer, &records)[..all.len()], "{} records", all.len());
        assert_eq!(["records_in", "records_out"].map(|name| ended.count(name)), [all.len() as u64; 2]);
    });
}

#[test]
fn records_before_a_fault_arrive() {
    each(|folder, mut peer| {
        let good = records(1..MANY + 1);
        let (run, stdin) =
            started(folder, &*peer, &[&good[..], &["{".to_owned(), "{\"n\":0}".to_owned()]].concat());
        drop(stdin);
        let ended = run.ended();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(peer.rest(&ended) == shown(&*peer, &good));
        assert_eq!(ended.count("records_out"), u64::from(MANY));
    });
}

#[test]
fn a_sink_that_takes_nothing_is_named_and_counts_nothing() {
    each(|folder, peer| {
        let Some((node, place)) = peer.refusing() else { return };
        let mut run = Run::start(folder, &pipeline(&node));
        // The run may end before it has read them.
        let _ = run.stdin().write_all((records(1..MANY + 1).join("\n") + "\n").as_bytes());
        let ended = run.ended();
        assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
        assert!(ended.stderr.contains(&place), "{ended:?}");
        if ended.code == Some(1) {
            assert_eq!(ended.count("records_out"), 0, "{ended:?}");
        }
    });
}

#[test]
fn a_full_disk_as_stdout_counts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &pipeline("type = \"stdout\""));
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut run = Run::of(command);
    run.stdin().write_all((records(1..MANY + 1).join("\n") + "\n").as_bytes()).unwrap();
    let ended = run.ended();
    assert_eq!((ended.code, ended.count("records_out")), (Some(1), 0), "{ended:?}");
    assert!(ended.stderr.contains("No space left on device"), "{ended:?}");
}

#[test]
fn a_check_touches_no_output() {
    each(|folder, mut peer| {
        let did = checked(folder, &pipeline(&peer.node()));
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        assert!(!peer.is_touched());
    });
}
