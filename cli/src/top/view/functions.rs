//! The functions: how much they are called, how long records take, and how their instances fare.

use engine::metrics::FunctionStatus;
use engine::metrics::words::{short, size, span};
use ratatui::text::{Line, Span};

use super::cells::{field, fit, percent, right, width};
use crate::top::app::App;
use crate::top::theme::Theme;

/// Screens of at least this many columns show more of each function.
const WIDE: usize = 120;

/// Powers of two of times that are shown.
const POWERS: usize = 16;

/// A head, and a line a function.
pub(super) fn lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(snapshot) = &app.snapshot else { return Vec::new() };
    let functions = &snapshot.status.functions;
    if functions.is_empty() {
        return vec![Line::styled("there are none: nothing is called in a sandbox", app.theme.dim())];
    }
    let wide = columns >= WIDE;
    let others = 69 + if wide { 23 + POWERS + 2 } else { 0 };
    let longest = functions.iter().map(|function| width(&function.name)).max().unwrap_or(0);
    let names = longest.clamp(8, columns.saturating_sub(others + 2).max(8));
    let only_wide = |text: &str, columns| if wide { right(text, columns) } else { String::new() };
    let head = [
        fit("", names + 2),
        only_wide("calls", 7),
        right("records", 8),
        right("a call", 7),
        right("inside", 7),
        right("p50", 8),
        right("p99", 8),
        only_wide("limit", 8),
        right("memory", 18),
        right("failed calls", 13),
        only_wide("retired", 8),
        if wide { format!("  {}", fit("a record takes", POWERS)) } else { String::new() },
    ];
    let head = Line::styled(head.concat(), app.theme.dim());
    let rows = functions.iter().enumerate();
    let rows = rows.map(|(place, function)| {
        let of = |list: &[f64]| list.get(place).copied().unwrap_or_default();
        let rates = (of(&snapshot.rates.functions), of(&snapshot.rates.records_a_call));
        row(app, place, function, rates, names, wide)
    });
    std::iter::once(head).chain(rows).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers are rounded")]
fn row(
    app: &App,
    place: usize,
    f: &FunctionStatus,
    (inside, a_call): (f64, f64),
    names: usize,
    wide: bool,
) -> Line<'static> {
    let theme = app.theme;
    let mark = if theme.has_colours() { '■' } else { Theme::letter(place) };
    let time = |nanos: Option<u64>| nanos.map_or_else(|| "–".to_owned(), span);
    let memory = format!("{} of {}", size(f.memory_most), size(f.memory_limit));
    let tight = f.memory_most as f64 > 0.9 * f.memory_limit as f64;
    let mut spans =
        vec![Span::styled(format!("{mark} "), theme.function(place)), Span::raw(fit(&f.name, names))];
    if wide {
        spans.push(Span::raw(right(&short(f.calls as f64), 7)));
    }
    spans.extend([
        Span::raw(right(&short(f.records as f64), 8)),
        Span::raw(right(&short(a_call), 7)),
        Span::raw(right(&percent(inside), 7)),
        Span::raw(right(&time(f.p50), 8)),
        Span::raw(right(&time(f.p99), 8)),
    ]);
    if wide {
        spans.push(Span::styled(right(&span(f.timeout), 8), theme.dim()));
    }
    spans.extend([
        Span::styled(right(&memory, 18), if tight { theme.slow() } else { ratatui::style::Style::new() }),
        Span::styled(
            right(&short(f.failed_calls as f64), 13),
            if f.failed_calls > 0 { theme.bad() } else { theme.dim() },
        ),
    ]);
    if wide {
        spans.push(Span::styled(right(&short(f.retired as f64), 8), theme.dim()));
        spans.push(Span::styled(format!("  {}", histogram(&f.histogram)), theme.function(place)));
    }
    Line::from(spans)
}

/// How many records took how long, by powers of two: what is rare is seen too.
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
fn histogram(buckets: &[(u64, u64, u64)]) -> String {
    let power = |nanos: u64| nanos.max(1).ilog2() as usize;
    let Some(low) = buckets.first().map(|(from, _, _)| power(*from)) else { return " ".repeat(POWERS) };
    let mut counts = [0.0; POWERS];
    for (from, _, count) in buckets {
        counts[(power(*from).saturating_sub(low)).min(POWERS - 1)] += *count as f64;
    }
    let roots = counts.map(f64::sqrt);
    field(&roots, roots.iter().copied().fold(0.0, f64::max), 1).remove(0)
}
