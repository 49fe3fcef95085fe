//! A page about a run, to be looked at after its end.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use super::{INTERVAL, page};
use crate::{Error, Monitor, threads};

/// Looks at a run from time to time, on a thread of its own, to tell of all of it in one page.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use engine::dashboard::Report;
/// use engine::{Monitor, Source};
///
/// let monitor = Monitor::new();
/// let report = Report::begin(&monitor)?;
/// let source = Source::new().monitored(&monitor);
/// source.stream().map(|x: i64| x + 1).sink(|_: i64| {});
/// source.emit(1).await?;
/// source.close().await?;
/// monitor.end(None);
/// let page = report.page();
/// assert!(page.starts_with("<!doctype html>"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Report {
    monitor: Monitor,
    /// The thread ends when this is gone.
    looking: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Report {
    /// Begins to look.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub fn begin(monitor: &Monitor) -> Result<Self, Error> {
        let (looking, ended) = channel();
        let watched = monitor.clone();
        let look = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                watched.look();
            }
        };
        let thread = threads::start("engine-report", look)?;
        Ok(Self { monitor: monitor.clone(), looking: Some(looking), thread: Some(thread) })
    }

    /// The run until now, as a page of HTML that needs nothing else. What it tells of records, functions and
    /// faults is text in it.
    #[must_use]
    pub fn page(&self) -> String {
        page::whole(&self.monitor)
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.looking.take();
        if let Some(thread) = self.thread.take() {
            // It does not panic, but if so, the report is less than it could be.
            let _ = thread.join();
        }
    }
}
