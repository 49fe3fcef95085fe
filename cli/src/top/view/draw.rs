//! Draws a whole screen, or writes the same as text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::panel::{self, Panel};
use super::{cells, header, layout};
use crate::top::app::{App, Page, Viewer};

/// Draws all of it. Where a page was scrolled too far it is scrolled back.
pub(in crate::top) fn draw(frame: &mut Frame, app: &mut App) {
    let area = frame.area();
    let columns = usize::from(area.width);
    let header = header::lines(app, columns);
    let head = u16::try_from(header.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(2));
    let foot = u16::from(area.height > 2);
    let body = Rect { y: area.y + head, height: area.height - head - foot, ..area };
    let placed = match app.page {
        Page::All => layout::all(app, body),
        page => vec![(Panel::of(page), body)],
    };
    frame.render_widget(Paragraph::new(header), Rect { height: head, ..area });
    for (panel, area) in &placed {
        panel.draw(frame, app, *area);
    }
    let shown: Vec<_> = placed.iter().map(|(panel, _)| *panel).collect();
    let footer = Rect { y: area.y + area.height - foot, height: foot, ..area };
    frame.render_widget(Paragraph::new(footer_line(app, &shown, columns)), footer);
}

/// The latest faults and lines that are text, at most.
const LATEST: usize = 10;

/// The same as text, without what changes each moment.
pub(in crate::top) fn text(app: &App, width: u16) -> String {
    let columns = usize::from(width);
    let mut lines = header::lines(app, columns);
    let panels = [Panel::Graph, Panel::Workers, Panel::Functions, Panel::Faults, Panel::Log];
    let has_workers = panel::workers_of(app).is_some();
    for panel in panels.into_iter().filter(|panel| has_workers || *panel != Panel::Workers) {
        lines.push(Line::raw(""));
        lines.push(Line::raw(panel.title(app)));
        let mut list = panel.lines(app, columns, usize::MAX);
        if matches!(panel, Panel::Faults | Panel::Log) && list.len() > LATEST {
            let more = list.len() - LATEST;
            list.truncate(LATEST);
            list.push(Line::raw(format!("… and {more} before these: --json has them")));
        }
        lines.extend(list);
    }
    lines.iter().map(|line| format!("{}\n", line.to_string().trim_end())).collect()
}

/// What was asked or said, or else what keys there are.
fn footer_line(app: &App, shown: &[Panel], columns: usize) -> Line<'static> {
    let theme = app.theme;
    if app.stopping {
        let question = "Stop the run? Records in progress are not finished. y/n";
        return Line::styled(cells::cut(question, columns), theme.bad().patch(theme.bold()));
    }
    if let Some(said) = &app.said {
        return Line::styled(cells::cut(said, columns), theme.slow().patch(theme.bold()));
    }
    let hidden = Panel::ALL.into_iter().filter(|panel| !shown.contains(panel));
    let hidden: Vec<_> = hidden.map(|panel| format!("{} {}", panel.key(), panel.name(app))).collect();
    let panels = if app.page == Page::All {
        if hidden.is_empty() {
            "1-7 panels".to_owned()
        } else {
            format!("1-7 panels ({})", hidden.join(", "))
        }
    } else {
        "1 all, Tab next, ↑↓ scroll".to_owned()
    };
    let is_over =
        app.gone || app.snapshot.as_ref().is_some_and(|snapshot| snapshot.status.run.state.is_end());
    let keys = match app.who() {
        _ if is_over => "q leave",
        Viewer::Itself => "p pause  d drain  S stop  q hide",
        Viewer::Other { .. } => "p pause  d drain  S stop  q leave",
    };
    let room = columns.saturating_sub(keys.chars().count() + 2);
    let panels = if cells::width(&panels) > room { "1-7, Tab panels".to_owned() } else { panels };
    Line::from(vec![
        Span::styled(format!("{}  ", cells::cut(&panels, room)), theme.dim()),
        Span::styled(keys, theme.bold()),
    ])
}
