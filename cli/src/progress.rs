//! The progress line on a terminal.

use std::io::{IsTerminal, stderr, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::metrics::Counts;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::summary::counted;
use super::{threads, top};

/// A line on stderr that says how the run goes. Hidden until it is shown.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()))
    }

    /// Shows it, unless stderr is no terminal, or the output goes to the same terminal.
    pub(crate) fn show(
        &self,
        counts: Arc<impl Fn() -> Counts + Send + Sync + 'static>,
        quiet: bool,
        to_stdout: bool,
    ) {
        if quiet || !is_watched(to_stdout) {
            return;
        }
        let counts = move |state: &ProgressState, line: &mut dyn std::fmt::Write| {
            let counts = counts();
            let done = counts.emitted.saturating_sub(counts.unfinished);
            let _ = write!(
                line,
                "{}, {}, {} unfinished, {}",
                counted(done, "record"),
                rate(done, state.elapsed()),
                HumanCount(counts.unfinished),
                counted(counts.faults, "fault"),
            );
        };
        let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {counts}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("counts", counts);
        self.0.set_style(style);
        self.0.set_draw_target(ProgressDrawTarget::stderr());
        self.0.reset();
        // It panics where the system refuses its thread; without one the line is drawn as records come.
        if threads::start("engine-probe", || ()).is_ok_and(|probe| probe.join().is_ok()) {
            self.0.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// For messages above it.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.0.clone()
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// Whether stderr is a terminal that does not also show the records.
pub(crate) fn is_watched(to_stdout: bool) -> bool {
    // A screen that goes meanwhile has put stderr back by then.
    (top::is_shown() || stderr().is_terminal()) && !(to_stdout && (stdout().is_terminal() || is_pipe()))
}

/// Whether stdout is a pipe: what comes out of it at the other end may come to the same terminal.
fn is_pipe() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;

        engine::files::known(Path::new("/dev/stdout")).is_ok_and(|stdout| stdout.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    false
}

/// `9.8 M/s`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn rate(records: u64, time: Duration) -> String {
    let rate = records as f64 / time.as_secs_f64().max(1e-9);
    match rate {
        1e6.. => format!("{:.1} M/s", rate / 1e6),
        1e3.. => format!("{:.1} k/s", rate / 1e3),
        _ => format!("{rate:.1} /s"),
    }
}
