//! Shows a run until the view is closed or the run ends.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{Event, KeyEventKind};

use super::app::{Action, App, Update};
use super::screen::Screen;
use super::view;

/// How often updates are read.
const OFTEN: Duration = Duration::from_millis(50);

/// A run that is shown.
pub(super) trait ViewedRun {
    /// The next update, if there is one.
    fn news(&mut self) -> Option<Update>;

    /// Takes a line that was written to stderr.
    fn said(&mut self, line: String) -> Option<Update>;

    /// Does what a key asked for.
    fn act(&mut self, action: Action);

    /// Whether the view should close.
    fn is_over(&self) -> bool;
}

/// Shows a run.
pub(super) fn show(screen: &mut Screen, app: &mut App, seen: &mut dyn ViewedRun) -> io::Result<()> {
    while !seen.is_over() {
        for line in Screen::said() {
            if let Some(news) = seen.said(line) {
                app.hear(news);
            }
        }
        while let Some(news) = seen.news() {
            app.hear(news);
        }
        if std::mem::take(&mut app.changed) {
            screen.draw(|frame| view::draw(frame, app))?;
        }
        let mut within = OFTEN;
        // All keys that were typed are handled before the screen is drawn again.
        while let Some(event) = Screen::event(within)? {
            app.changed = true;
            match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => match app.key(key) {
                    Some(Action::Leave) => return Ok(()),
                    Some(action) => seen.act(action),
                    None => {}
                },
                _ => {}
            }
            within = Duration::ZERO;
        }
    }
    Ok(())
}
