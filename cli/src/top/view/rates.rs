//! Records per second, in and out, over time.

use engine::metrics::History;
use engine::metrics::words::{clock, short};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Duration;

use super::cells::{field, right};
use crate::top::app::{App, RECENT};

/// The last two minutes in `rows` rows.
pub(super) fn lines(app: &App, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let now = app.snapshot.as_ref().map_or(0, |snapshot| snapshot.status.run.now);
    over(app, &app.recent, now.saturating_sub(RECENT), now, columns, rows)
}

/// The last two minutes, and the whole run below it if it is longer.
pub(super) fn all(app: &App, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let now = app.snapshot.as_ref().map_or(0, |snapshot| snapshot.status.run.now);
    if now <= RECENT || rows < 8 {
        return lines(app, columns, rows);
    }
    let mut all = lines(app, columns, rows / 2);
    all.push(Line::raw(""));
    all.extend(over(app, &app.whole, 0, now, columns, rows - rows / 2 - 1));
    all
}

/// The room for a rate.
const LABEL: usize = 10;

fn over(app: &App, history: &History, from: u64, to: u64, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let parts = columns.saturating_sub(LABEL + 1).max(1);
    let rates = history.rates(from, to, parts);
    let (inward, outward): (Vec<_>, Vec<_>) = rates.into_iter().unzip();
    let has_axis = rows >= 3;
    let each = ((rows - usize::from(has_axis)) / 2).max(1);
    // Both have the same scale.
    let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let most = highest(&inward).max(highest(&outward));
    let (into, out) =
        (format!("in {}", short(highest(&inward))), format!("out {}", short(highest(&outward))));
    let mut lines = area(&field(&inward, most, each), &into, app.theme.inward(), app);
    lines.extend(area(&field(&outward, most, each), &out, app.theme.outward(), app));
    if has_axis {
        let left = if from == 0 {
            clock(Duration::ZERO)
        } else {
            format!("−{}", clock(Duration::from_millis(to - from)))
        };
        let right_end = clock(Duration::from_millis(to));
        let room = parts.saturating_sub(left.chars().count() + right_end.chars().count());
        let axis = format!("{}{left}{}{right_end}", " ".repeat(LABEL + 1), " ".repeat(room));
        lines.push(Line::styled(axis, app.theme.dim()));
    }
    lines
}

/// A field that shows its highest value at its top.
fn area(rows: &[String], label: &str, style: Style, app: &App) -> Vec<Line<'static>> {
    let labels = [label].into_iter().chain(std::iter::repeat(""));
    let row = |(label, row): (&str, &String)| {
        let label = Span::styled(right(label, LABEL) + " ", app.theme.dim());
        Line::from(vec![label, Span::styled(row.clone(), style)])
    };
    labels.zip(rows).map(row).collect()
}
