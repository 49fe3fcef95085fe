//! The terminal while it is drawn on, and as it was before.

use std::fs::File;
use std::io::{self, IsTerminal, stderr, stdin};
use std::path::Path;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use engine::files;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use super::stderr_capture::StderrCapture;

/// What is to be put back, while there is a screen.
static SHOWN: Mutex<Option<Shown>> = Mutex::new(None);

struct Shown {
    out: File,
    capture: StderrCapture,
}

/// A screen of its own on stderr's terminal. Dropped, it leaves the terminal as it was.
pub(crate) struct Screen(Terminal<CrosstermBackend<File>>);

/// Whether there is a screen, to be read without waiting for the lock.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Whether there is a screen, and what is written on stderr is kept for later. If not, stderr is what it was before.
pub(crate) fn is_shown() -> bool {
    IS_SHOWN.load(Acquire)
}

/// Leaves the terminal as it was, if there is a screen, and writes what was kept.
pub(crate) fn restore() {
    // A second caller waits until the terminal is restored.
    shown(|shown| {
        let Some(Shown { mut out, capture }) = shown.take() else { return };
        // Where this fails there is no terminal any more.
        let _ = disable_raw_mode();
        let _ = execute!(out, LeaveAlternateScreen, Show);
        capture.end();
        IS_SHOWN.store(false, Release);
    });
}

/// Says what is in the way of a screen, before anything is begun.
pub(crate) fn check() -> anyhow::Result<()> {
    ensure!(stderr().is_terminal(), "it is drawn on stderr, which is no terminal");
    let keys = stdin().is_terminal() || cfg!(not(unix)) || files::open(Path::new("/dev/tty")).is_ok();
    ensure!(keys, "there is no terminal that keys come from");
    Ok(())
}

impl Screen {
    /// Takes stderr's terminal.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let cant = "can't draw on the terminal";
        let capture = StderrCapture::begin().context(cant)?;
        let (out, drawn) = (capture.stderr().context(cant)?, capture.stderr().context(cant)?);
        shown(|shown| *shown = Some(Shown { out, capture }));
        IS_SHOWN.store(true, Release);
        let begin = || {
            enable_raw_mode()?;
            let mut drawn = drawn;
            execute!(drawn, EnterAlternateScreen, Hide)?;
            Terminal::new(CrosstermBackend::new(drawn))
        };
        begin().map(Self).inspect_err(|_| restore()).context(cant)
    }

    /// Draws, unless the terminal was left already.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame)) -> io::Result<()> {
        // It is left between two pictures only.
        shown(|shown| if shown.is_some() { self.0.draw(draw).map(drop) } else { Ok(()) })
    }

    /// What was written on stderr since it was asked last.
    pub(super) fn said() -> Vec<String> {
        shown(|shown| shown.as_mut().map(|shown| shown.capture.news()).unwrap_or_default())
    }

    /// What happens at the terminal within this time, if anything does.
    pub(super) fn event(within: Duration) -> io::Result<Option<Event>> {
        if event::poll(within)? { event::read().map(Some) } else { Ok(None) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn shown<T>(with: impl FnOnce(&mut Option<Shown>) -> T) -> T {
    with(&mut SHOWN.lock().unwrap_or_else(PoisonError::into_inner))
}
