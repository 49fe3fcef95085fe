//! A run that is made up, and how it is drawn.

use engine::Monitor;
use engine::metrics::{
    Bar, FunctionStatus, History, Lane, LogLine, NodeStatus, RecentFault, Severity, Snapshot,
};
use expect_test::ExpectFile;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer as Cells;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::top::app::{Action, App, Update, Viewer};
use crate::top::theme::Theme;
use crate::top::view;

pub(super) const TOKEN: Viewer = Viewer::Other { has_token: true };

/// Some of a pipeline with a branch, 42 seconds after its begin.
pub(super) fn snapshot() -> Snapshot {
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
pub(super) fn part<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(super) fn node(name: &str, kind: &str) -> NodeStatus {
    part(json!({
        "name": name, "kind": kind, "at": [0.0, 0.0], "records": 1_234_567, "nanos": 0,
        "hands_over": false, "meets": false, "buffer": null, "function": null,
    }))
}

pub(super) fn function(name: &str, batch: usize, memory: usize) -> FunctionStatus {
    part(json!({
        "name": name, "plugin": "work.wasm", "calls": 2469, "records": 1_234_567, "failed_calls": 1,
        "nanos": 0, "p50": 896, "p99": 20_480, "longest": 469_000, "timeout": 10_000_000_000_u64,
        "histogram": [[512, 1024, 1_000_000], [1024, 2048, 200_000], [16_384, 18_432, 34_567]],
        "batch": batch, "memory": memory, "memory_most": memory, "memory_limit": 64 << 20, "retired": 3,
    }))
}

pub(super) fn bar(function: usize, from: u64, to: u64) -> Bar {
    let (from, to) = (1000 * from, 1000 * to);
    part(json!({
        "function": function, "from": from, "to": to, "busy": (to - from) / 2, "records": 10, "calls": 2,
        "failed": false,
    }))
}

pub(super) fn lane(name: &str, bars: &[Bar]) -> Lane {
    part(json!({ "name": name, "bars": bars }))
}

pub(super) fn told(number: u64, at: u64, function: &str) -> RecentFault {
    part(json!({
        "number": number, "at": at, "record": 100 * number, "function": function, "kind": "failed",
        "message": "it is out of range", "excerpt": "\"100007\"",
    }))
}

pub(super) fn line(number: u64, line: &str) -> LogLine {
    part(json!({ "number": number, "at": 1000 * number, "function": "enrich", "line": line }))
}

pub(super) fn app(who: Viewer, colours: bool, snapshot: Snapshot) -> App {
    let mut app = App::new(who, Theme::new(colours));
    let mut history = History::default();
    for second in 0..42 {
        history.at.push(1000 * second);
        history.emitted.push(600 * second * second);
        history.delivered.push(10_000 * second);
        history.faults.push(0);
    }
    app.hear(Update::History(history));
    app.hear(Update::Snapshot(Box::new(snapshot)));
    app
}

pub(super) fn screen(app: &mut App, columns: u16, rows: u16) -> Cells {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| view::draw(frame, app)).unwrap();
    terminal.backend().buffer().clone()
}

/// The rows, without the room behind them.
pub(super) fn rows(cells: &Cells) -> Vec<String> {
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

pub(super) fn check(app: &mut App, columns: u16, rows_: u16, expected: &ExpectFile) {
    expected.assert_eq(&(rows(&screen(app, columns, rows_)).join("\n") + "\n"));
}

pub(super) fn press(app: &mut App, keys: &str) -> Vec<Option<Action>> {
    keys.chars().map(|c| app.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))).collect()
}

/// The same run, whose functions run on the workers of a cluster, two seconds after the first look.
pub(super) fn on_workers() -> App {
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
    app.hear(Update::Snapshot(Box::new(second)));
    app
}

/// A snapshot in which each text is this one.
pub(super) fn all_named(text: &str) -> Snapshot {
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
