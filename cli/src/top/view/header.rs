//! The run as a whole: how it stands, how fast it is, and what that means.

use std::time::Duration;

use engine::metrics::Snapshot;
use engine::metrics::words::{clock, long, short};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cells::{bar, percent, width, wrapped};
use crate::top::app::App;

/// The lines at the top.
pub(super) fn lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else {
        return vec![Line::raw(" connecting …")];
    };
    let mut lines = vec![figures(app, snapshot, columns)];
    lines.extend(progress(app, snapshot, columns));
    lines.extend(diagnosis(app, snapshot, columns));
    lines
}

#[expect(clippy::cast_precision_loss, reason = "numbers are rounded")]
fn figures(app: &App, snapshot: &Snapshot, columns: usize) -> Line<'static> {
    let (theme, run, rates) = (app.theme, &snapshot.status.run, &snapshot.rates);
    let counts = run.counts;
    let state = match run.state {
        _ if app.gone && !run.state.is_end() => Span::styled(" gone ", theme.gone()),
        state => Span::styled(format!(" {state} "), theme.state(state)),
    };
    let faults = if counts.faults > 0 { theme.bad().patch(theme.bold()) } else { theme.dim() };
    let word = if counts.faults == 1 { "fault" } else { "faults" };
    let rate = |word: &str, rate: f64, style: Style| {
        vec![
            Span::raw(word.to_owned()),
            Span::styled(format!("{}/s", short(rate)), style.patch(theme.bold())),
        ]
    };
    let told = |text: String, style| vec![Span::raw("   "), Span::styled(text, style)];
    let totals = format!("{} in, {} out", short(counts.emitted as f64), short(counts.delivered as f64));
    // With how much each is wanted.
    let mut fields = vec![
        (6, vec![state]),
        (4, vec![Span::raw(format!(" {}", long(Duration::from_millis(run.now))))]),
        (3, rate("   in ", rates.emitted, theme.inward())),
        (2, rate("  out ", rates.delivered, theme.outward())),
        (5, told(format!("{} {word}", short(counts.faults as f64)), faults)),
        (1, told(totals, theme.dim())),
    ];
    // What has no room goes as a whole.
    let taken = |fields: &[(u8, Vec<Span>)]| -> usize {
        fields.iter().flat_map(|(_, spans)| spans).map(|span| width(&span.content)).sum()
    };
    while taken(&fields) > columns && fields.len() > 1 {
        let least = fields.iter().map(|(wanted, _)| *wanted).min();
        fields.retain(|(wanted, _)| Some(*wanted) != least);
    }
    Line::from(fields.into_iter().flat_map(|(_, spans)| spans).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
fn progress(app: &App, snapshot: &Snapshot, columns: usize) -> Option<Line<'static>> {
    let input = snapshot.status.run.input?;
    let part = (input.done as f64 / input.all.max(1) as f64).min(1.0);
    let left = snapshot.rates.left.filter(|left| *left >= 1000 && !app.gone);
    let left = left.map(|left| format!(", {} left", clock(Duration::from_millis(left)))).unwrap_or_default();
    let words = format!(" {}{left}", percent(part));
    let room = columns.saturating_sub(words.chars().count() + 1);
    let [full, rest] = bar(part, room, app.theme.inward(), app.theme);
    Some(Line::from(vec![full, rest, Span::raw(words)]))
}

fn diagnosis(app: &App, snapshot: &Snapshot, columns: usize) -> Vec<Line<'static>> {
    let diagnosis = &snapshot.diagnosis;
    if app.gone && !snapshot.status.run.state.is_end() {
        let text = "The run has ended, or can't be reached. What is below was the last of it.";
        return wrapped(text, columns, app.theme.bad());
    }
    let style = app.theme.severity(diagnosis.severity).patch(app.theme.bold());
    let mut lines = wrapped(&diagnosis.text, columns, style);
    lines.truncate(3);
    lines
}
