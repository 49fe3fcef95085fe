//! The workers of a cluster: which there are, and what each does.

use std::collections::BTreeSet;

use engine::metrics::WorkerStatus;
use engine::metrics::words::short;
use ratatui::text::{Line, Span};

use super::cells::{cut, fit, right, width};
use crate::top::app::App;

/// Screens of at least this many columns show more of each worker.
const WIDE: usize = 100;

/// The longest name that is shown in full.
const NAME: usize = 20;

/// How many machines, workers and threads there are.
pub(super) fn title(workers: &[WorkerStatus]) -> String {
    let machines = workers.iter().map(|worker| &*worker.machine).collect::<BTreeSet<_>>().len();
    let threads = workers.iter().map(|worker| worker.threads).fold(0, usize::saturating_add);
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let (machines, threads) = (counted(machines, "machine"), counted(threads, "thread"));
    if workers.is_empty() {
        "Workers".to_owned()
    } else {
        format!("Workers: {} on {machines}, {threads}", workers.len())
    }
}

/// A head, and a line a worker, those of a machine together.
#[expect(clippy::cast_precision_loss, reason = "numbers are rounded")]
pub(super) fn lines(app: &App, workers: &[WorkerStatus], columns: usize) -> Vec<Line<'static>> {
    if workers.is_empty() {
        return vec![Line::styled("no worker has joined yet", app.theme.dim())];
    }
    let mut workers: Vec<_> = workers.iter().collect();
    workers.sort_by_key(|worker| (&*worker.machine, &*worker.name));
    let widest = |name: fn(&WorkerStatus) -> &str| {
        workers.iter().map(|worker| width(name(worker))).max().unwrap_or(0).clamp(8, NAME)
    };
    let (names, machines) = (widest(|worker| &worker.name), widest(|worker| &worker.machine));
    let wide = columns >= WIDE;
    let only_wide =
        |text: &str, columns| if wide { text.to_owned() + &" ".repeat(columns) } else { String::new() };
    let row = |machine: &str, name: &str, figures: [String; 5]| {
        let [threads, busy, tasks, records, rate] = figures;
        let figures = [(threads, 8), (busy, 6), (tasks, 8), (records, 9), (rate, 10)];
        let figures = figures.map(|(figure, columns)| right(&figure, columns));
        only_wide(&fit(machine, machines), 2) + &fit(name, names) + &figures.concat() + "  "
    };
    let heads = ["threads", "tasks", "done", "records", "rate"].map(str::to_owned);
    let head = Line::styled(row("machine", "worker", heads) + "state", app.theme.dim());
    let mut before = None;
    let rows = workers.iter().map(|worker| {
        let first = before.replace(&worker.machine) != Some(&worker.machine);
        let rate = app.worker_rates.of(&worker.name);
        let figures = [
            worker.threads.to_string(),
            worker.busy.to_string(),
            short(worker.tasks as f64),
            short(worker.records as f64),
            format!("{}/s", short(rate)),
        ];
        let text = row(if first { &worker.machine } else { "" }, &worker.name, figures);
        let (state, style) = match worker {
            WorkerStatus { refused: Some(reason), .. } => (format!("refused: {reason}"), app.theme.bad()),
            WorkerStatus { leaving: true, .. } => ("leaving".to_owned(), app.theme.slow()),
            WorkerStatus { busy: 0, .. } => ("waiting".to_owned(), app.theme.dim()),
            _ => ("working".to_owned(), ratatui::style::Style::new()),
        };
        let room = columns.saturating_sub(width(&text));
        Line::from(vec![Span::raw(text), Span::styled(cut(&state, room), style)])
    });
    std::iter::once(head).chain(rows).collect()
}
