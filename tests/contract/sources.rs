//! What every source must keep.

use std::path::Path;

use super::run::{Run, checked, numbers};
use super::source_peer::{End, SourcePeer, Unreadable, each};

/// Enough records for several batches.
const MANY: u32 = 2000;

fn pipeline(source: &str, rest: &str) -> String {
    format!("[sources.in]\n{source}\n{rest}\n[sinks.stdout]\n")
}

/// A run that is given these records.
fn given(folder: &Path, peer: &mut dyn SourcePeer, options: &str, records: &[String]) -> Run {
    let pipeline = pipeline(&format!("{}\n{options}", peer.node()), "");
    if peer.is_early() {
        peer.give(records);
    }
    let mut run = Run::start(folder, &pipeline);
    peer.meet(&mut run);
    if !peer.is_early() {
        peer.give(records);
    }
    run
}

fn shown(peer: &dyn SourcePeer, records: &[String]) -> Vec<String> {
    records.iter().map(|record| peer.shown(record)).collect()
}

#[test]
fn all_records_come_out_in_order() {
    each(|folder, mut peer| {
        let records = numbers(1..MANY + 1);
        let run = given(folder, &mut *peer, "", &records);
        let end = peer.end();
        assert!(run.lines(records.len()) == shown(&*peer, &records));
        if end == End::Signal {
            run.terminate();
        }
        let ended = run.ended();
        let code = if end == End::Signal { 143 } else { 0 };
        assert_eq!((ended.code, &*ended.rest), (Some(code), &[][..]), "{ended:?}");
        assert_eq!(["records_in", "records_out"].map(|name| ended.count(name)), [2000; 2], "{ended:?}");
    });
}

#[test]
fn a_signal_ends_the_run_between_two_records() {
    each(|folder, mut peer| {
        let records = numbers(1..MANY + 1);
        let wanted = shown(&*peer, &records);
        let slow = "[stages.slow]\ntype = \"rate_limit\"\ninterval = \"500us\"";
        let pipeline = pipeline(&peer.node(), slow);
        if peer.is_early() {
            peer.give(&records);
        }
        let mut run = Run::start(folder, &pipeline);
        peer.meet(&mut run);
        std::thread::scope(|scope| {
            let giving = (!peer.is_early()).then(|| scope.spawn(|| peer.give(&records)));
            let first = run.lines(3);
            run.terminate();
            let ended = run.ended();
            let all = [first, ended.rest.clone()].concat();
            assert!(all == wanted[..all.len()], "{} records", all.len());
            assert_eq!(ended.count("records_out"), all.len() as u64, "{ended:?}");
            assert_eq!(ended.code, Some(143), "{ended:?}");
            // What the peer was told to be taken is out.
            let taken = giving.map_or(0, |giving| giving.join().unwrap());
            assert!(all.len() >= taken, "{} of {taken} records", all.len());
        });
    });
}

/// Five records, one that can't be read, and five more.
fn with_unreadable(unreadable: &str) -> Vec<String> {
    [numbers(1..6), vec![unreadable.to_owned()], numbers(7..12)].concat()
}

#[test]
fn an_unreadable_record_is_a_fault_at_its_place() {
    each(|folder, mut peer| {
        let Some(Unreadable { given: wrong, place }) = peer.unreadable() else { return };
        let records = with_unreadable(wrong);
        let run = given(folder, &mut *peer, "on_fault = { divert = \"letters\" }", &records);
        let end = peer.end();
        let readable: Vec<_> = records.iter().filter(|record| *record != wrong).cloned().collect();
        assert_eq!(run.lines(10), shown(&*peer, &readable));
        if end == End::Signal {
            run.terminate();
        }
        let ended = run.ended();
        assert_eq!(ended.rest, Vec::<String>::new(), "{ended:?}");
        assert_eq!(["records_in", "records_out", "faults"].map(|name| ended.count(name)), [11, 10, 1]);
        let letters = std::fs::read_to_string(folder.join("letters")).unwrap();
        let letter: serde_json::Value = serde_json::from_str(letters.trim()).unwrap();
        assert_eq!(letter["number"], 6, "{letter}");
        let fault = ended.summary["fault"].to_string() + &letters;
        assert!(fault.contains(place), "{fault}");
    });
}

#[test]
fn a_check_touches_no_input() {
    each(|folder, mut peer| {
        let did = checked(folder, &pipeline(&peer.node(), ""));
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        assert!(!peer.is_touched());
    });
}

#[test]
fn a_missing_input_is_named() {
    each(|folder, peer| {
        let Some((node, place)) = peer.missing() else { return };
        let ended = Run::start(folder, &pipeline(&node, "")).ended();
        assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
        assert!(ended.stderr.contains(&place), "{ended:?}");
        assert_eq!(ended.rest, Vec::<String>::new());
    });
}
