//! What each thread of the pool did in the last seconds: a row per thread, a column per moment.

use engine::metrics::{Bar, Lane, Snapshot};
use ratatui::text::{Line, Span};

use super::cells::{field, fit, right};
use crate::top::app::App;
use crate::top::theme::Theme;

/// Seconds that are shown.
pub(super) const SECONDS: u64 = 5;

/// The room for a thread's name.
const NAME: usize = 10;

/// A thread is shown this high at most.
const HIGHEST: usize = 3;

/// The threads, and an axis below them. Where there is room they are higher than a row.
pub(super) fn lines(app: &App, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else { return Vec::new() };
    if snapshot.lanes.is_empty() {
        return vec![Line::styled("no function was called yet", app.theme.dim())];
    }
    let columns = columns.saturating_sub(NAME + 1).max(SECONDS as usize);
    let high = (rows.saturating_sub(1) / snapshot.lanes.len()).clamp(1, HIGHEST);
    let lanes = snapshot.lanes.iter().flat_map(|lane| rows_of(app, snapshot, lane, columns, high));
    lanes.chain([axis(app, columns)]).collect()
}

fn rows_of(app: &App, snapshot: &Snapshot, lane: &Lane, columns: usize, high: usize) -> Vec<Line<'static>> {
    let end = snapshot.status.run.now * 1000;
    let begin = end.saturating_sub(SECONDS * 1_000_000);
    let cells = cells(&lane.bars, begin, SECONDS * 1_000_000, columns);
    let names = [lane.name.as_str()].into_iter().chain(std::iter::repeat(""));
    let busy: Vec<_> = cells.iter().map(|cell| cell.busy).collect();
    let rows = field(&busy, 1.0, high).into_iter().zip(names);
    rows.map(|(heights, name)| {
        let mut heights = heights.chars();
        let mut spans = vec![Span::styled(fit(name, NAME) + " ", app.theme.dim())];
        for run in cells.chunk_by(Cell::is_like) {
            let style = match run[0] {
                Cell { failed: true, .. } => app.theme.bad(),
                Cell { function, .. } => app.theme.function(function),
            };
            let text: String =
                run.iter().zip(&mut heights).map(|(cell, height)| cell.shown(height, app.theme)).collect();
            spans.push(Span::styled(text, style));
        }
        Line::from(spans)
    })
    .collect()
}

/// What a thread did in a moment: the function that took most of it, and how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cell {
    function: usize,
    busy: f64,
    failed: bool,
}

impl Cell {
    fn is_like(&self, other: &Self) -> bool {
        (self.function, self.failed) == (other.function, other.failed)
    }

    /// A part of a bar; where there are no colours, a letter in its place.
    fn shown(&self, height: char, theme: Theme) -> char {
        match height {
            ' ' => ' ',
            height if theme.has_colours() => height,
            _ if self.failed => '✗',
            _ => Theme::letter(self.function),
        }
    }
}

/// The moments of a stretch of time, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
fn cells(bars: &[Bar], begin: u64, long: u64, columns: usize) -> Vec<Cell> {
    let each = (long / columns.max(1) as u64).max(1);
    let mut cells = vec![Cell::default(); columns];
    // Functions that share a moment, and how long each took of it.
    let mut shares: Vec<Vec<(usize, f64)>> = vec![Vec::new(); columns];
    for bar in bars.iter().filter(|bar| bar.to >= begin && bar.to >= bar.from) {
        let density = bar.busy as f64 / (bar.to - bar.from).max(1) as f64;
        let first = usize::try_from(bar.from.saturating_sub(begin) / each).unwrap_or(usize::MAX);
        let last =
            usize::try_from((bar.to - begin) / each).unwrap_or(usize::MAX).min(columns.saturating_sub(1));
        for place in first..=last {
            let from = begin + place as u64 * each;
            let inside = bar.to.min(from + each).saturating_sub(bar.from.max(from)).max(1);
            let time = inside as f64 * density.min(1.0);
            cells[place].failed |= bar.failed;
            cells[place].busy = (cells[place].busy + time / each as f64).min(1.0);
            match shares[place].iter_mut().find(|(function, _)| *function == bar.function) {
                Some((_, sum)) => *sum += time,
                None => shares[place].push((bar.function, time)),
            }
        }
    }
    for (cell, shares) in cells.iter_mut().zip(shares) {
        let most = shares.into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
        cell.function = most.map_or(0, |(function, _)| function);
    }
    cells
}

fn axis(app: &App, columns: usize) -> Line<'static> {
    let each = columns / SECONDS as usize;
    let mut text = " ".repeat(NAME + 1);
    for second in (0..SECONDS).rev() {
        let label = if second == 0 { "now".to_owned() } else { format!("−{second} s") };
        let rest = if second == 0 { columns - each * (SECONDS as usize - 1) } else { each };
        text += &right(&label, rest);
    }
    Line::styled(text, app.theme.dim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bar(function: usize, from: u64, to: u64, failed: bool) -> Bar {
        let busy = (to - from) / 2;
        let bar = json!({
            "function": function, "from": from, "to": to, "busy": busy, "records": 1, "calls": 1,
            "failed": failed,
        });
        serde_json::from_value(bar).unwrap()
    }

    #[test]
    fn a_time_slot_shows_the_function_that_used_most_of_it() {
        let bars = [
            bar(0, 0, 160, false),
            bar(1, 160, 400, false),
            bar(2, 390, 399, true),
            bar(3, 9000, 9001, false),
        ];
        let cells = cells(&bars, 100, 400, 4);
        let told: Vec<_> = cells.iter().map(|cell| (cell.function, cell.failed)).collect();
        assert_eq!(told, [(0, false), (1, false), (1, true), (1, false)]);
        assert!((cells[1].busy - 0.5).abs() < 0.01, "{cells:?}");
    }
}
