//! What is said while a run goes on.

use std::time::Duration;

use engine::plugin::Print;
use indicatif::ProgressBar;

use crate::exit::{EndedBy, Signal, tell};
use crate::summary::counted;
use crate::terminal::tell_json;
use crate::top;

/// A run that ends within this time need not be explained.
pub(super) const SOON: Duration = Duration::from_millis(250);

/// How a run reports what happens.
#[derive(Clone, Copy)]
pub(super) struct Messages {
    pub(super) quiet: bool,
    pub(super) json: bool,
}

impl Messages {
    /// A second signal ends the run at once.
    pub(super) fn tell_aborted(self) {
        match self {
            Self { json: true, .. } => tell_json(&serde_json::json!({ "ended": "aborted" })),
            Self { quiet: true, .. } => {}
            _ => tell(format_args!("engine: aborted: records in progress are not finished")),
        }
    }

    /// Tells what a run waits for, above the progress line.
    #[cfg(feature = "cluster")]
    pub(super) fn notices(self, progress: ProgressBar) -> impl Fn(&str) + Send + Sync {
        move |line| {
            if !self.quiet && !self.json && !top::is_shown() {
                progress.suspend(|| tell(format_args!("engine: {line}")));
            }
        }
    }

    /// Somebody told the run to end, which may take a while.
    pub(super) fn tell_interrupted(self, by: EndedBy, unfinished: u64) {
        if self.quiet || self.json {
            return;
        }
        let what = match unfinished {
            0 => "finishing the records in progress".to_owned(),
            records => format!("finishing {}", counted(records, "record")),
        };
        let aborts = match by {
            EndedBy::Signal(Signal::CpuTime) => "Ctrl-C aborts",
            EndedBy::Signal(_) => "a second Ctrl-C aborts",
            EndedBy::Watcher => "Ctrl-C twice aborts",
        };
        tell(format_args!("engine: {by}: {what}; {aborts}"));
    }
}

/// Shows what functions print, above the progress line. A screen shows it by itself.
pub(super) fn printer(progress: ProgressBar) -> impl Fn(Print) + Send + Sync {
    move |print| {
        if !top::is_shown() {
            progress.suspend(|| tell(format_args!("{print}")));
        }
    }
}
