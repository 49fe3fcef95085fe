//! What is drawn of a run that is made up, and what keys do.

use engine::Monitor;
use engine::metrics::{
    Bar, FunctionStatus, History, Lane, LogLine, NodeStatus, RecentFault, RunState, Severity, Snapshot,
};
use expect_test::{ExpectFile, expect_file};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer as Cells;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::app::{App, News, Who, Wish};
use super::theme::Theme;
use super::view;

const TOKEN: Who = Who::Other { has_token: true };

/// Some of a pipeline with a branch, 42 seconds after its begin.
fn snapshot() -> Snapshot {
    let mut snapshot = Monitor::new().snapshot();
    let names = [
        ("numbers", "files"),
        ("scatter", "scatter"),
        ("enrich", "map"),
        ("gather", "gather"),
        ("even", "filter"),
        ("even_numbers", "file"),
        ("all", "file"),
    ];
    let status = &mut snapshot.status;
    status.nodes = names.map(|(name, kind)| node(name, kind)).into();
    status.nodes[1].buffer = part(json!({ "filled": 20_000, "limit": 20_000 }));
    status.nodes[2].function = Some(0);
    status.nodes[6].records = 0;
    status.edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (3, 6)]
        .map(|(from, to)| part(json!({ "from": from, "to": to, "records": 0 })))
        .into();
    status.functions = vec![function("enrich", 500, 1 << 20), function("even", 2, 60 << 20)];
    status.pool.threads = 2;
    status.run.now = 42_000;
    let counts = &mut status.run.counts;
    (counts.emitted, counts.delivered, counts.faults) = (1_058_400, 420_000, 2);
    status.run.input = part(json!({ "read": 430, "done": 430, "all": 1000 }));
    status.faults.kinds = [("failed".into(), 2)].into();
    status.faults.latest = vec![told(2, 41_000, "even"), told(1, 3000, "enrich")];
    status.faults.put_aside = vec!["dead.ndjson".into()];
    status.log = vec![line(1, "seen 50000 so far"), line(2, "seen 100000 so far")];
    snapshot.rates.emitted = 27_800.0;
    snapshot.rates.delivered = 41_700.0;
    snapshot.rates.left = Some(55_000);
    snapshot.rates.nodes = [0.0, 0.0, 0.93, 0.0, 0.12, 0.07, 0.0]
        .map(|busy| part(json!({ "records": 27_800.0, "busy": busy, "waited": 0.0 })))
        .into();
    snapshot.rates.nodes[1].waited = 0.99;
    snapshot.rates.functions = vec![0.93, 0.05];
    snapshot.rates.records_a_call = vec![500.0, 1.0];
    snapshot.diagnosis.severity = Severity::Warning;
    snapshot.diagnosis.node = Some(2);
    snapshot.diagnosis.text =
        "enrich sets the pace: it is busy 93 % of the time; what comes to scatter waits. 2 records \
                             became faults (2 failed)."
            .into();
    let mut failed = bar(1, 40_900, 41_000);
    failed.failed = true;
    snapshot.lanes = vec![
        lane("pool 1", &[bar(0, 37_000, 39_500), bar(1, 39_500, 42_000)]),
        lane("pool 2", &[bar(0, 38_000, 40_000), failed]),
    ];
    snapshot
}

/// A part of a status, as the dashboard's interface gives it.
fn part<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn node(name: &str, kind: &str) -> NodeStatus {
    part(json!({
        "name": name, "kind": kind, "at": [0.0, 0.0], "records": 1_234_567, "nanos": 0,
        "hands_over": false, "meets": false, "buffer": null, "function": null,
    }))
}

fn function(name: &str, batch: usize, memory: usize) -> FunctionStatus {
    part(json!({
        "name": name, "plugin": "work.wasm", "calls": 2469, "records": 1_234_567, "failed_calls": 1,
        "nanos": 0, "p50": 896, "p99": 20_480, "longest": 469_000, "timeout": 10_000_000_000_u64,
        "histogram": [[512, 1024, 1_000_000], [1024, 2048, 200_000], [16_384, 18_432, 34_567]],
        "batch": batch, "memory": memory, "memory_most": memory, "memory_limit": 64 << 20, "retired": 3,
    }))
}

fn bar(function: usize, from: u64, to: u64) -> Bar {
    let (from, to) = (1000 * from, 1000 * to);
    part(json!({
        "function": function, "from": from, "to": to, "busy": (to - from) / 2, "records": 10, "calls": 2,
        "failed": false,
    }))
}

fn lane(name: &str, bars: &[Bar]) -> Lane {
    part(json!({ "name": name, "bars": bars }))
}

fn told(number: u64, at: u64, function: &str) -> RecentFault {
    part(json!({
        "number": number, "at": at, "record": 100 * number, "function": function, "kind": "failed",
        "message": "it is out of range", "excerpt": "\"100007\"",
    }))
}

fn line(number: u64, line: &str) -> LogLine {
    part(json!({ "number": number, "at": 1000 * number, "function": "enrich", "line": line }))
}

fn app(who: Who, colours: bool, snapshot: Snapshot) -> App {
    let mut app = App::new(who, Theme::new(colours));
    let mut history = History::default();
    for second in 0..42 {
        history.at.push(1000 * second);
        history.emitted.push(600 * second * second);
        history.delivered.push(10_000 * second);
        history.faults.push(0);
    }
    app.hear(News::History(history));
    app.hear(News::Snapshot(Box::new(snapshot)));
    app
}

fn drawn(app: &mut App, columns: u16, rows: u16) -> Cells {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| view::draw(frame, app)).unwrap();
    terminal.backend().buffer().clone()
}

/// The rows, without the room behind them.
fn rows(cells: &Cells) -> Vec<String> {
    let width = usize::from(cells.area.width);
    let row = |row: &[ratatui::buffer::Cell]| {
        let mut text = String::new();
        let mut covered = 0;
        for cell in row {
            if covered == 0 {
                text.push_str(cell.symbol());
                covered = ratatui::text::Span::raw(cell.symbol()).width();
            }
            covered = covered.saturating_sub(1);
        }
        text.trim_end().to_owned()
    };
    cells.content.chunks(width).map(row).collect()
}

fn check(app: &mut App, columns: u16, rows_: u16, expected: &ExpectFile) {
    expected.assert_eq(&(rows(&drawn(app, columns, rows_)).join("\n") + "\n"));
}

fn press(app: &mut App, keys: &str) -> Vec<Option<Wish>> {
    keys.chars().map(|c| app.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))).collect()
}

#[test]
fn a_run_renders_on_a_small_screen() {
    check(&mut app(TOKEN, true, snapshot()), 80, 24, &expect_file!["snapshots/80x24.txt"]);
}

#[test]
fn a_run_renders_on_a_large_screen() {
    check(&mut app(TOKEN, true, snapshot()), 160, 50, &expect_file!["snapshots/160x50.txt"]);
}

#[test]
fn without_colours_functions_show_as_letters() {
    let mut app = app(TOKEN, false, snapshot());
    press(&mut app, "4");
    check(&mut app, 80, 10, &expect_file!["snapshots/threads.txt"]);
    let cells = drawn(&mut app, 80, 24);
    assert!(cells.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
}

/// The same run, whose functions run on the workers of a cluster, two seconds after the first look.
fn on_workers() -> App {
    let worker = |machine: &str, name: &str, busy: usize, records: u64| {
        json!({
            "name": name, "machine": machine, "process": 7, "threads": 4, "busy": busy, "tasks": 1234,
            "records": records, "leaving": false, "refused": null,
        })
    };
    let mut first = snapshot();
    (first.lanes, first.status.run.now) = (Vec::new(), 42_000);
    let mut refused = worker("anna", "anna-2", 0, 0);
    refused["refused"] = "inc may have 64.0 MiB of memory, and here at most 8.0 MiB".into();
    let mut leaving = worker("berta", "berta-1", 1, 900);
    leaving["leaving"] = true.into();
    let workers = |records| [worker("anna", "anna-1", 4, records), refused.clone(), leaving.clone()];
    first.status.workers = Some(workers(600_000).map(part).into());
    let mut second = first.clone();
    second.status.run.now = 44_000;
    second.status.workers = Some(workers(634_567).map(part).into());
    second.diagnosis.text =
        "The worker sets the pace: all of its threads are busy; what comes to scatter waits.".into();
    let mut app = app(TOKEN, true, first);
    app.hear(News::Snapshot(Box::new(second)));
    app
}

#[test]
fn the_workers_of_a_cluster_stand_in_place_of_threads() {
    check(&mut on_workers(), 80, 24, &expect_file!["snapshots/workers-80x24.txt"]);
    check(&mut on_workers(), 160, 50, &expect_file!["snapshots/workers-160x50.txt"]);
}

#[test]
fn printing_once_gives_plain_text() {
    let app = app(TOKEN, false, snapshot());
    expect_file!["snapshots/once.txt"].assert_eq(&view::text(&app, 100));
}

#[test]
fn colours_match_what_the_terminal_supports() {
    let cells = drawn(&mut app(TOKEN, true, snapshot()), 160, 50);
    let of = |symbol: &str| cells.content.iter().find(|cell| cell.symbol() == symbol).unwrap();
    assert_eq!(of("▶").fg, Color::Yellow);
    assert_eq!(of("✗").fg, Color::Red);
    let is_its_own = |colour: Color| matches!(colour, Color::Rgb(..) | Color::Indexed(_));
    assert!(!cells.content.iter().any(|cell| is_its_own(cell.fg) || is_its_own(cell.bg)));
}

#[test]
fn every_screen_size_shows_something() {
    for (columns, rows) in [(1, 1), (2, 3), (10, 4), (40, 12), (119, 23), (120, 24), (300, 100)] {
        for page in "1234567".chars() {
            let mut app = app(TOKEN, true, snapshot());
            press(&mut app, &page.to_string());
            drawn(&mut app, columns, rows);
        }
        drawn(&mut App::new(TOKEN, Theme::new(true)), columns, rows);
    }
}

/// A snapshot in which each text is this one.
fn all_named(text: &str) -> Snapshot {
    let mut snapshot = snapshot();
    let status = &mut snapshot.status;
    status.nodes.iter_mut().for_each(|node| (node.name, node.kind) = (text.into(), text.into()));
    status.functions.iter_mut().for_each(|f| (f.name, f.plugin) = (text.into(), text.into()));
    status.faults.kinds = [(text.into(), 2)].into();
    status.faults.put_aside = vec![text.into()];
    for told in &mut status.faults.latest {
        (told.function, told.kind, told.message) = (text.into(), text.into(), text.into());
        told.excerpt = Some(text.into());
    }
    status.log.iter_mut().for_each(|line| (line.function, line.line) = (text.into(), text.into()));
    snapshot.lanes.iter_mut().for_each(|lane| lane.name = text.into());
    snapshot.diagnosis.text = text.into();
    snapshot
}

#[test]
fn text_from_records_is_shown_as_plain_text() {
    let evil = "\x1b[2J\x1b]0;x\x07a\u{9b}31m\r\n\u{202e}b\u{200d}\0";
    for (columns, rows) in [(80, 24), (160, 50)] {
        for page in "1234567".chars() {
            let mut app = app(TOKEN, true, all_named(evil));
            app.hear(News::Said(evil.to_owned()));
            let footer = drawn(&mut app, columns, rows);
            press(&mut app, &page.to_string());
            for cells in [footer, drawn(&mut app, columns, rows)] {
                let hidden = |c: char| c.is_control() || "\u{202e}\u{200d}".contains(c);
                assert!(!cells.content.iter().any(|cell| cell.symbol().contains(hidden)));
            }
        }
    }
    let text = view::text(&app(TOKEN, false, all_named(evil)), 100);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn wide_characters_do_not_shift_their_neighbours() {
    let columns_of = |name: &str| {
        let cells = drawn(&mut app(TOKEN, true, all_named(name)), 160, 50);
        let width = usize::from(cells.area.width);
        let rates: Vec<_> = (0..cells.content.len())
            .filter(|place| cells.content[*place].symbol() == "/" && cells.content[place + 1].symbol() == "s")
            .map(|place| place % width)
            .collect();
        let halves: Vec<_> = (0..cells.content.len())
            .filter(|place| cells.content[*place].symbol() == "■")
            .map(|place| place % width)
            .collect();
        (rates[2..].to_vec(), halves)
    };
    let long = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    for name in [
        "漢字かな交じり文漢字かな交じり文漢字かな交じり文漢字かな交じり文",
        "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👍🏽👍🏽🇩🇪🇩🇪👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
        "e\u{301}e\u{301}لالالالالالالالالالالالالالالالالالالالالالالالالالالالالا",
    ] {
        assert_eq!(columns_of(name), columns_of(long), "{name}");
    }
}

#[test]
fn keys_send_their_actions() {
    let mut app = app(TOKEN, true, snapshot());
    assert_eq!(press(&mut app, "pd"), [Some(Wish::Pause), Some(Wish::Drain)]);
    // A stop waits for its yes.
    assert_eq!(press(&mut app, "Sn"), [None, None]);
    assert_eq!(press(&mut app, "S"), [None]);
    for columns in [60, 80] {
        let question = "End the run at once? Records in progress are not finished. y/n";
        assert_eq!(rows(&drawn(&mut app, columns, 24))[23], question);
    }
    assert_eq!(press(&mut app, "yq"), [Some(Wish::Stop), Some(Wish::Leave)]);
    let mut paused = snapshot();
    paused.status.run.state = RunState::Paused;
    app.hear(News::Snapshot(Box::new(paused)));
    assert_eq!(press(&mut app, "p"), [Some(Wish::Resume)]);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.key(control_c), Some(Wish::Leave));
    assert_eq!(App::new(Who::Itself, Theme::new(true)).key(control_c), Some(Wish::Interrupt));
}

#[test]
fn without_the_token_keys_ask_for_it() {
    let mut app = app(Who::Other { has_token: false }, true, snapshot());
    for key in ["p", "d", "S"] {
        assert_eq!(press(&mut app, key), [None]);
        assert!(rows(&drawn(&mut app, 80, 24))[23].starts_with("that needs the token"), "{key}");
    }
    assert_eq!(press(&mut app, "y"), [None]);
}

#[test]
fn a_lost_run_keeps_its_last_frame() {
    let mut app = app(TOKEN, true, snapshot());
    app.hear(News::Gone);
    let lines = rows(&drawn(&mut app, 80, 24));
    assert!(lines[0].starts_with(" gone "), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("can't be reached")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("▶ enrich")), "{lines:?}");
    // What can't be done any more is not offered.
    assert!(lines[23].ends_with("  q leave") && !lines[23].contains("stop"), "{lines:?}");
    assert_eq!(press(&mut app, "p"), [None]);
    // It may come back.
    app.hear(News::Snapshot(Box::new(snapshot())));
    assert!(rows(&drawn(&mut app, 80, 24))[0].starts_with(" running "));
}

#[test]
fn a_failing_bottleneck_is_marked_as_both() {
    let mut failing = snapshot();
    failing.diagnosis.node = Some(4);
    let lines = rows(&drawn(&mut app(TOKEN, true, failing), 80, 24));
    assert!(lines.iter().any(|line| line.starts_with("▶✗├ even ")), "{lines:?}");
}

#[test]
fn a_finished_run_offers_no_stop() {
    let mut over = snapshot();
    over.status.run.state = RunState::Done;
    for who in [TOKEN, Who::Itself] {
        let lines = rows(&drawn(&mut app(who, true, over.clone()), 80, 24));
        assert!(lines[23].ends_with("  q leave") && !lines[23].contains("pause"), "{lines:?}");
    }
}

#[test]
fn a_narrow_screen_shows_whole_numbers_and_the_faults() {
    for (columns, first) in [
        (100, " running  00:42   in 27.8 k/s  out 41.7 k/s   2 faults   1.06 M in, 420 k out"),
        (60, " running  00:42   in 27.8 k/s  out 41.7 k/s   2 faults"),
        (50, " running  00:42   in 27.8 k/s   2 faults"),
        (30, " running  00:42   2 faults"),
        (20, " running    2 faults"),
    ] {
        assert_eq!(rows(&drawn(&mut app(TOKEN, true, snapshot()), columns, 24))[0], first);
    }
}

#[test]
fn a_short_run_shows_milliseconds() {
    let mut short = snapshot();
    short.status.run.now = 212;
    assert!(rows(&drawn(&mut app(TOKEN, true, short), 80, 24))[0].starts_with(" running  212 ms   in "));
}

#[test]
fn printing_once_includes_the_latest_faults_and_log_lines() {
    let mut long = snapshot();
    long.status.log = (1..=50).map(|number| line(number, &format!("line {number}"))).collect();
    long.status.faults.latest = (1..=30).rev().map(|number| told(number, 41_000, "even")).collect();
    let text = view::text(&app(TOKEN, false, long), 100);
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!((count("line "), count("out of range")), (10, 10), "{text}");
    assert!(text.contains("line 50\n") && text.contains("record 3000 "), "{text}");
    assert!(text.contains("… and 20 before these") && text.contains("… and 40 before these"), "{text}");
}

#[test]
fn a_list_scrolls_no_further_than_its_end() {
    let mut long = snapshot();
    long.status.log = (1..=50).map(|number| line(number, &format!("line {number}"))).collect();
    let mut app = app(TOKEN, true, long);
    press(&mut app, "7");
    assert!(rows(&drawn(&mut app, 80, 24))[5].ends_with("line 50"));
    press(&mut app, &"j".repeat(200));
    let lines = rows(&drawn(&mut app, 80, 24));
    assert!(lines[22].ends_with("line 1"), "{lines:?}");
    press(&mut app, "k");
    let lines = rows(&drawn(&mut app, 80, 24));
    assert!(lines[22].ends_with("line 2"), "{lines:?}");
}

#[test]
fn another_run_at_the_same_address_has_its_own_history() {
    let mut app = app(TOKEN, true, snapshot());
    let mut other = snapshot();
    other.status.run.now = 400;
    app.hear(News::Snapshot(Box::new(other)));
    assert_eq!((&*app.recent.at, &*app.whole.at), (&[400][..], &[0, 400][..]));
}
