//! `engine run --tui`: this process's own run on its terminal.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use engine::Monitor;
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use super::app::{App, News, Who, Wish};
use super::screen::Screen;
use super::show::{Seen, show};
use super::theme::Theme;
use crate::exit::Signal;
use crate::{signals, threads};

/// The run is looked at so often.
const OFTEN: Duration = Duration::from_millis(250);

/// A screen that shows this process's run. Dropped, it leaves the terminal as it was.
pub(crate) struct OwnScreen {
    over: CancellationToken,
    left: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl OwnScreen {
    /// Shows what a monitor watches; Ctrl-C is what it would be without.
    pub(crate) fn begin(monitor: &Monitor, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Self> {
        let mut screen = Screen::open()?;
        let (over, left) = (CancellationToken::new(), CancellationToken::new());
        let mut own = Own {
            monitor: monitor.clone(),
            interrupted: interrupted.clone(),
            over: over.clone(),
            next: Instant::now(),
        };
        let leaving = left.clone().drop_guard();
        let draw = move || {
            let _leaving = leaving;
            let mut app = App::new(Who::Itself, Theme::of_environment());
            app.hear(News::History(own.monitor.history()));
            // A terminal that is gone shows nothing; the run goes on.
            let _ = show(&mut screen, &mut app, &mut own);
        };
        let thread = threads::start("engine-screen", draw);
        Ok(Self { over, left, thread: Some(thread.context("can't draw on the terminal")?) })
    }

    /// Whether nobody looks any more.
    pub(crate) fn is_left(&self) -> bool {
        self.left.is_cancelled()
    }

    /// Waits until nobody looks any more.
    pub(crate) async fn left(&self) {
        self.left.cancelled().await;
    }
}

impl Drop for OwnScreen {
    fn drop(&mut self) {
        self.over.cancel();
        if let Some(thread) = self.thread.take() {
            // It ended by itself, or does so now.
            let _ = thread.join();
        }
    }
}

struct Own {
    monitor: Monitor,
    interrupted: Arc<SetOnce<Signal>>,
    over: CancellationToken,
    next: Instant,
}

impl Seen for Own {
    fn news(&mut self) -> Option<News> {
        if Instant::now() < self.next {
            return None;
        }
        self.next = Instant::now() + OFTEN;
        Some(News::Snapshot(Box::new(self.monitor.snapshot())))
    }

    fn said(&mut self, line: String) -> Option<News> {
        self.monitor.note_line("stderr", &line);
        None
    }

    fn act(&mut self, wish: Wish) {
        match wish {
            Wish::Pause => self.monitor.pause(),
            Wish::Resume => self.monitor.resume(),
            Wish::Drain => self.monitor.drain(),
            Wish::Stop => self.monitor.stop(),
            Wish::Interrupt => signals::interrupt(&self.interrupted),
            Wish::Leave => {}
        }
        self.next = Instant::now();
    }

    fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }
}
