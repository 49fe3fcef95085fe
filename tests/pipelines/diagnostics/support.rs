//! Helpers: the diagnostics of a pipeline.

use std::fs;

use engine::pipeline::{OpenError, Pipeline, Setup};
use expect_test::{Expect, expect};

use crate::support::plugin;

/// Opens a pipeline file, and expects these diagnostics. `$PLUGINS` stands for the folder of test plugins.
#[expect(clippy::needless_pass_by_value, reason = "`check(…, expect![…])` reads as it is meant")]
#[track_caller]
pub(crate) fn check(pipeline: &str, expected: Expect) {
    expected.assert_eq(&opened(pipeline));
}

/// The diagnostics of a pipeline file.
pub(super) fn opened(pipeline: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, plugins) =
        (folder.path().join("p.toml"), plugin("inc").parent().unwrap().display().to_string());
    fs::write(folder.path().join("in"), "1\n").unwrap();
    fs::write(&path, pipeline.replace("$PLUGINS", &plugins)).unwrap();
    let setup = Setup { variable: &|name| (name == "SET").then(|| "in".to_owned()), ..Setup::default() };
    let said = match Pipeline::blocking_open_with(&path, setup) {
        Ok(_) => "no mistakes".to_owned(),
        Err(OpenError::Diagnostics(diagnostics)) => diagnostics.to_string(),
        Err(error) => format!("{error:?}"),
    };
    said.replace(&plugins, "$PLUGINS").replace(&format!("{}/", folder.path().display()), "")
}

/// The same for an expected text that the test computes.
#[track_caller]
pub(super) fn check_stages(wrong: &str, said: &str) {
    assert_eq!(opened(&format!("[sources.stdin]\n{wrong}\n[sinks.stdout]\n")), said);
}

/// The same with `stages` between a valid source and sink.
#[track_caller]
pub(super) fn stages(stages: &str, expected: Expect) {
    check(&format!("[sources.stdin]\n{stages}\n[sinks.stdout]\n"), expected);
}
