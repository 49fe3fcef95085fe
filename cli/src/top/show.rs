//! A run on a screen, until somebody leaves or it is over.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{Event, KeyEventKind};

use super::app::{App, News, Wish};
use super::screen::Screen;
use super::view;

/// News are looked for so often.
const OFTEN: Duration = Duration::from_millis(50);

/// A run that is looked at.
pub(super) trait Seen {
    /// What has happened since it was asked last, one after another.
    fn news(&mut self) -> Option<News>;

    /// What was written on stderr meanwhile.
    fn said(&mut self, line: String) -> Option<News>;

    /// Does what somebody wants.
    fn act(&mut self, wish: Wish);

    /// Whether there is nothing more to look at.
    fn is_over(&self) -> bool;
}

/// Shows a run.
pub(super) fn show(screen: &mut Screen, app: &mut App, seen: &mut dyn Seen) -> io::Result<()> {
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
        // What was typed meanwhile counts before it is drawn again.
        while let Some(event) = Screen::event(within)? {
            app.changed = true;
            match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => match app.key(key) {
                    Some(Wish::Leave) => return Ok(()),
                    Some(wish) => seen.act(wish),
                    None => {}
                },
                _ => {}
            }
            within = Duration::ZERO;
        }
    }
    Ok(())
}
