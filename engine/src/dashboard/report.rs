//! A report: the page of a run that has ended, as one file.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use super::page;
use super::server::INTERVAL;
use crate::{Error, Monitor, threads};

/// Records a run for a page that shows all of it after its end. A thread of its own reads the monitor at intervals.
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
    /// The thread ends when this is dropped.
    recording: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Report {
    /// Begins to record what a monitor sees.
    ///
    /// # Errors
    ///
    /// If the system starts no more threads.
    pub fn begin(monitor: &Monitor) -> Result<Self, Error> {
        let (recording, ended) = channel();
        let watched = monitor.clone();
        let look = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                watched.sample();
            }
        };
        let thread = threads::start("engine-report", look)?;
        Ok(Self { monitor: monitor.clone(), recording: Some(recording), thread: Some(thread) })
    }

    /// The run until now, as a page of HTML that needs no other files. Text from records, functions and faults is
    /// text in it, never markup.
    #[must_use]
    pub fn page(&self) -> String {
        page::whole(&self.monitor)
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.recording.take();
        if let Some(thread) = self.thread.take() {
            // If it panicked, the report has fewer points in time.
            let _ = thread.join();
        }
    }
}
