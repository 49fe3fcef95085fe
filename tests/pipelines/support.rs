//! Helpers: stages between stdin and stdout.

use crate::support::Did;
use crate::support::pipelines::Files;

/// Runs `stages` between stdin and stdout.
#[track_caller]
pub(super) fn through(stages: &str, input: &str) -> Did {
    Files::new(&format!("[sources.stdin]\n{stages}\n[sinks.stdout]\n")).run(input)
}

/// The output lines. The run must succeed.
#[track_caller]
pub(super) fn given(stages: &str, input: &str) -> Vec<String> {
    let Did { code, stdout, stderr } = through(stages, &input.replace(' ', "\n"));
    assert_eq!((code, &*stderr), (Some(0), ""));
    stdout.lines().map(str::to_owned).collect()
}
