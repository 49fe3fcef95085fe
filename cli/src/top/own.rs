//! `engine run --tui`: this process's own run on its terminal.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use engine::Monitor;
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use super::app::{Action, App, Update, Viewer};
use super::screen::Screen;
use super::show::{ViewedRun, show};
use super::theme::Theme;
use crate::exit::Signal;
use crate::{signals, threads};

/// How often the run is read.
const OFTEN: Duration = Duration::from_millis(250);

/// Shows this process's run until it is dropped; then the terminal is as it was before.
pub(crate) struct OwnScreen {
    over: CancellationToken,
    left: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl OwnScreen {
    /// Shows what a monitor watches. Ctrl-C interrupts the run as usual.
    pub(crate) fn begin(monitor: &Monitor, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Self> {
        let mut screen = Screen::open()?;
        let (over, left) = (CancellationToken::new(), CancellationToken::new());
        let mut own = OwnRun {
            monitor: monitor.clone(),
            interrupted: interrupted.clone(),
            over: over.clone(),
            next: Instant::now(),
        };
        let leaving = left.clone().drop_guard();
        let draw = move || {
            let _leaving = leaving;
            let mut app = App::new(Viewer::Itself, Theme::of_environment());
            app.hear(Update::History(own.monitor.history()));
            // If the terminal is gone, the run continues.
            let _ = show(&mut screen, &mut app, &mut own);
        };
        let thread = threads::start("engine-screen", draw);
        Ok(Self { over, left, thread: Some(thread.context("can't draw on the terminal")?) })
    }

    /// Whether the view was closed.
    pub(crate) fn is_left(&self) -> bool {
        self.left.is_cancelled()
    }

    /// Waits until the view is closed.
    pub(crate) async fn left(&self) {
        self.left.cancelled().await;
    }
}

impl Drop for OwnScreen {
    fn drop(&mut self) {
        self.over.cancel();
        if let Some(thread) = self.thread.take() {
            // It ends after the cancellation, if it has not ended before.
            let _ = thread.join();
        }
    }
}

struct OwnRun {
    monitor: Monitor,
    interrupted: Arc<SetOnce<Signal>>,
    over: CancellationToken,
    next: Instant,
}

impl ViewedRun for OwnRun {
    fn news(&mut self) -> Option<Update> {
        if Instant::now() < self.next {
            return None;
        }
        self.next = Instant::now() + OFTEN;
        Some(Update::Snapshot(Box::new(self.monitor.snapshot())))
    }

    fn said(&mut self, line: String) -> Option<Update> {
        self.monitor.note_line("stderr", &line);
        None
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Pause => self.monitor.pause(),
            Action::Resume => self.monitor.resume(),
            Action::Drain => self.monitor.drain(),
            Action::Stop => self.monitor.stop(),
            Action::Interrupt => signals::interrupt(&self.interrupted),
            Action::Leave => {}
        }
        self.next = Instant::now();
    }

    fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }
}
