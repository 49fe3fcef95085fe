//! The latest faults, and what functions have printed.

use std::time::Duration;

use engine::metrics::words::{clock, short};
use ratatui::text::{Line, Span};

use super::cells::{cut, width};
use crate::top::app::App;

/// A line a fault, the latest first.
pub(super) fn faults(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else { return Vec::new() };
    let latest = &snapshot.status.faults.latest;
    if latest.is_empty() {
        return vec![Line::styled("none", app.theme.dim())];
    }
    let line = |told: &engine::metrics::RecentFault| {
        let at = format!("{} ", clock(Duration::from_millis(told.at)));
        let record = format!("record {} ", told.record);
        let kind = format!("{} ", told.kind);
        let excerpt = told.excerpt.iter().map(|excerpt| format!("  {excerpt}"));
        let node = told.node.iter().map(|node| format!(" (node {node})"));
        let rest = format!("{}{}: {}", told.function, node.collect::<String>(), told.message);
        let room = columns.saturating_sub(width(&at) + width(&record) + width(&kind));
        let rest = cut(&rest, room);
        let excerpt: String = excerpt.map(|text| cut(&text, room - width(&rest))).collect();
        Line::from(vec![
            Span::styled(at, app.theme.dim()),
            Span::styled(record, app.theme.bold()),
            Span::styled(kind, app.theme.bad()),
            Span::raw(rest),
            Span::styled(excerpt, app.theme.dim()),
        ])
    };
    latest.iter().map(line).collect()
}

/// How many there were of each kind, and where their records are.
#[expect(clippy::cast_precision_loss, reason = "numbers are rounded")]
pub(super) fn kinds(app: &App) -> String {
    let Some(snapshot) = &app.snapshot else { return String::new() };
    let faults = &snapshot.status.faults;
    let kinds = faults.kinds.iter().map(|(kind, count)| format!("{} {kind}", short(*count as f64)));
    let files =
        (!faults.put_aside.is_empty()).then(|| format!("put aside in {}", faults.put_aside.join(", ")));
    kinds.chain(files).collect::<Vec<_>>().join(" · ")
}

/// A line that was printed, the latest first.
pub(super) fn log(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else { return Vec::new() };
    let log = &snapshot.status.log;
    if log.is_empty() {
        return vec![Line::styled("functions have printed nothing", app.theme.dim())];
    }
    let line = |line: &engine::metrics::LogLine| {
        let at = format!("{} ", clock(Duration::from_millis(line.at)));
        let function = format!("{} ", cut(&line.function, 20));
        let room = columns.saturating_sub(width(&at) + width(&function));
        Line::from(vec![
            Span::styled(at, app.theme.dim()),
            Span::styled(function, app.theme.bold()),
            Span::raw(cut(&line.line, room)),
        ])
    };
    log.iter().rev().map(line).collect()
}
