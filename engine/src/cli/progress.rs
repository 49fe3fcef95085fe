//! The progress line, where somebody is looking.

use std::io::{IsTerminal, stderr, stdout};
use std::sync::Arc;
use std::time::Duration;

use engine::Source;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use super::summary::counted;

/// A line on stderr that says how the run goes. Nothing where nobody would see it, or where it
/// would stand between the output's lines.
pub(crate) fn line(source: &Arc<Source<Vec<u8>>>, quiet: bool, to_stdout: bool) -> ProgressBar {
    if quiet || !is_watched(to_stdout) {
        return ProgressBar::hidden();
    }
    let source = source.clone();
    let counts = move |state: &ProgressState, line: &mut dyn std::fmt::Write| {
        let counts = source.counts();
        let _ = write!(
            line,
            "{}, {}, {} unfinished, {}",
            counted(counts.emitted.saturating_sub(counts.unfinished), "record"),
            rate(counts.emitted.saturating_sub(counts.unfinished), state.elapsed()),
            HumanCount(counts.unfinished),
            counted(counts.faults, "fault"),
        );
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {counts}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("counts", counts);
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Whether somebody looks at stderr who does not look at the records there.
pub(crate) fn is_watched(to_stdout: bool) -> bool {
    stderr().is_terminal() && !(to_stdout && stdout().is_terminal())
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
