//! The panels: what is in each, and what stands above it.

use engine::metrics::WorkerStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{cells, functions, lists, nodes, rates, threads, workers};
use crate::top::app::{App, Page};

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panel {
    Graph,
    Rates,
    /// The pool's threads, or a cluster's workers.
    Workers,
    Functions,
    Faults,
    Log,
}

impl Panel {
    pub(super) const ALL: [Self; 6] =
        [Self::Graph, Self::Rates, Self::Workers, Self::Functions, Self::Faults, Self::Log];

    /// The panel that has a page for itself.
    pub(super) fn of(page: Page) -> Self {
        match page {
            Page::All | Page::Graph => Self::Graph,
            Page::Rates => Self::Rates,
            Page::Workers => Self::Workers,
            Page::Functions => Self::Functions,
            Page::Faults => Self::Faults,
            Page::Log => Self::Log,
        }
    }

    /// The key that shows it alone.
    pub(super) fn key(self) -> char {
        let page = match self {
            Self::Graph => Page::Graph,
            Self::Rates => Page::Rates,
            Self::Workers => Page::Workers,
            Self::Functions => Page::Functions,
            Self::Faults => Page::Faults,
            Self::Log => Page::Log,
        };
        page.key()
    }

    pub(super) fn name(self, app: &App) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Rates => "rates",
            Self::Workers if workers_of(app).is_none() => "threads",
            Self::Workers => "workers",
            Self::Functions => "functions",
            Self::Faults => "faults",
            Self::Log => "log",
        }
    }

    /// What it shows, in words.
    pub(super) fn title(self, app: &App) -> String {
        match self {
            Self::Graph => "Graph: records per second, busy, full".to_owned(),
            Self::Rates => "Records per second".to_owned(),
            Self::Workers => match workers_of(app) {
                None => format!("Threads, the last {} s", threads::SECONDS),
                Some(workers) => workers::title(workers),
            },
            Self::Functions => "Functions: part of the time inside, time a record takes".to_owned(),
            Self::Faults => match lists::kinds(app) {
                kinds if kinds.is_empty() => "Faults".to_owned(),
                kinds => format!("Faults: {kinds}"),
            },
            Self::Log => "Log".to_owned(),
        }
    }

    /// What is in it.
    pub(super) fn lines(self, app: &App, columns: usize, rows: usize) -> Vec<Line<'static>> {
        match self {
            Self::Graph => nodes::lines(app, columns),
            Self::Rates if app.page == Page::Rates => rates::all(app, columns, rows),
            Self::Rates => rates::lines(app, columns, rows),
            Self::Workers => match workers_of(app) {
                None => threads::lines(app, columns, rows),
                Some(workers) => workers::lines(app, workers, columns),
            },
            Self::Functions => functions::lines(app, columns),
            Self::Faults => lists::faults(app, columns),
            Self::Log => lists::log(app, columns),
        }
    }

    /// Draws it with its title. A page of its own is scrolled, but not beyond its end.
    pub(super) fn draw(self, frame: &mut Frame, app: &mut App, area: Rect) {
        let columns = usize::from(area.width);
        let rows = usize::from(area.height.saturating_sub(1));
        let lines = self.lines(app, columns, rows);
        let all = lines.len();
        let from = match app.page {
            Page::All => 0,
            _ => app.scroll.min(all.saturating_sub(rows)),
        };
        if app.page != Page::All {
            app.scroll = from;
        }
        let shown: Vec<_> = lines.into_iter().skip(from).take(rows).collect();
        let more = if all > shown.len() {
            format!(" {} to {} of {all} ", from + 1, from + shown.len())
        } else {
            String::new()
        };
        let room = columns.saturating_sub(4 + more.chars().count());
        let title = cells::cut(&format!("{} {}", self.key(), self.title(app)), room);
        let line = columns.saturating_sub(4 + cells::width(&title) + more.chars().count());
        let title = Line::from(vec![
            Span::styled("─ ", app.theme.dim()),
            Span::styled(title, app.theme.bold()),
            Span::styled(format!(" {}{more}─", "─".repeat(line)), app.theme.dim()),
        ]);
        frame.render_widget(Paragraph::new(title), Rect { height: area.height.min(1), ..area });
        let below = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
        frame.render_widget(Paragraph::new(shown), below);
    }
}

/// The workers of the run's cluster, if it has one.
pub(super) fn workers_of(app: &App) -> Option<&[WorkerStatus]> {
    app.snapshot.as_ref().and_then(|snapshot| snapshot.status.workers.as_deref())
}
