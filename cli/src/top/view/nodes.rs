//! The graph: a line a node, what sets the pace marked.

use engine::metrics::words::short;
use engine::metrics::{Branch, Snapshot};
use ratatui::text::{Line, Span};

use super::cells::{bar, fit, percent, right, width};
use crate::top::app::App;

/// The age up to which faults are news, in milliseconds.
const NEWS: u64 = 5000;

/// A line a node.
pub(super) fn lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else { return Vec::new() };
    let tree = snapshot.status.tree();
    let named: Vec<_> = tree.iter().map(|branch| (branch, name(snapshot, branch))).collect();
    let longest = named.iter().map(|(_, name)| width(name)).max().unwrap_or(0);
    // The columns of what follows the name: the rest is the name's.
    let others = if columns >= WIDE { 110 } else { 64 };
    let most = columns.saturating_sub(others).max(8);
    let names = longest.clamp(8, most);
    named.into_iter().map(|(branch, name)| line(app, snapshot, branch, &fit(&name, names), columns)).collect()
}

/// Screens of at least this many columns show more of each node.
const WIDE: usize = 110;

fn name(snapshot: &Snapshot, branch: &Branch) -> String {
    let nodes = &snapshot.status.nodes;
    let name = format!("{}{}", branch.lead, nodes[branch.node].name);
    let from: Vec<_> =
        branch.from.iter().filter_map(|place| nodes.get(*place)).map(|node| node.name.as_str()).collect();
    if from.is_empty() { name } else { format!("{name} ← {}", from.join(", ")) }
}

#[expect(clippy::cast_precision_loss, reason = "numbers are rounded")]
fn line(app: &App, snapshot: &Snapshot, branch: &Branch, name: &str, columns: usize) -> Line<'static> {
    let (theme, wide) = (app.theme, columns >= WIDE);
    let node = &snapshot.status.nodes[branch.node];
    let rates = snapshot.rates.nodes.get(branch.node).copied().unwrap_or_default();
    let sets_pace = snapshot.diagnosis.node == Some(branch.node);
    let fails = fails(snapshot, branch.node);
    let (bad, slow) = (theme.bad().patch(theme.bold()), theme.slow().patch(theme.bold()));
    let style = match (fails, sets_pace) {
        (true, _) => bad,
        (false, true) => slow,
        (false, false) => ratatui::style::Style::new(),
    };
    let kind = if node.kind == node.name { "" } else { &*node.kind };
    let told = |count: String| if node.records > 0 { count } else { String::new() };
    let rate = told(format!("{}/s", short(rates.records)));
    let mut spans = vec![
        Span::styled(if sets_pace { "▶" } else { " " }, slow),
        Span::styled(if fails { "✗" } else { " " }, bad),
        Span::styled(format!("{name} "), style),
        Span::styled(fit(kind, if wide { 12 } else { 7 }), theme.dim()),
        Span::raw(right(&rate, 9)),
    ];
    if wide {
        spans.push(Span::styled(right(&told(short(node.records as f64)), 9), theme.dim()));
    }
    let busy = if sets_pace { theme.slow() } else { theme.outward() };
    let (long, words) = if wide { (16, 18) } else { (6, 14) };
    spans.push(Span::raw(right(&percent(rates.busy), 6) + " "));
    spans.extend(bar(rates.busy, long, busy, theme));
    spans.push(Span::raw(" "));
    match node.buffer {
        Some(buffer) => {
            let part = buffer.filled as f64 / buffer.limit.max(1) as f64;
            let style = if part > 0.9 { theme.slow() } else { theme.inward() };
            spans.extend(bar(part, long, style, theme));
            let of = if wide { " of " } else { "/" };
            let of = format!(" {}{of}{}", short(buffer.filled as f64), short(buffer.limit as f64));
            spans.push(Span::raw(fit(&of, words)));
        }
        None => spans.push(Span::raw(" ".repeat(long + words))),
    }
    if rates.waited > 0.1 {
        let words = if wide { "others wait" } else { "waits" };
        spans.push(Span::styled(format!(" {words} {}", percent(rates.waited)), theme.slow()));
    }
    Line::from(spans)
}

/// Whether records have failed there just now.
fn fails(snapshot: &Snapshot, place: usize) -> bool {
    let status = &snapshot.status;
    let node = &status.nodes[place];
    let function = node.function.and_then(|place| status.functions.get(place)).map(|function| &function.name);
    status.faults.latest.iter().any(|told| {
        let is_here = match &told.node {
            Some(name) => *name == node.name,
            None => told.function == node.name || Some(&told.function) == function,
        };
        told.at + NEWS > status.run.now && is_here
    })
}
