//! Pipelines that are killed, and continue from their checkpoint.

use std::process::Stdio;
use std::thread;

use crate::support::pipelines::Files;

/// Numbers, some of which are faults, in pairs.
const PAIRS: &str = "\
[faults]
on_fault = { divert = \"dead\" }
[sources.files]
path = [\"first\", \"second\"]
[stages.scatter]
[stages.map]
plugin = \"$PLUGINS/inc.wasm\"
[stages.buffer]
n = 100
[stages.gather]
[stages.partition]
n = 2
[sinks.file]
path = \"out\"
[stages.totals]
type = \"reduce\"
from = \"gather\"
n = 7000
[stages.lasts]
type = \"reduce\"
from = \"partition\"
key = \"/0\"
values = { sum = { sum = \"/1\" }, n = \"count\", last = { last = \"/1\" } }
n = 3000
[stages.groups]
type = \"group\"
from = \"partition\"
key = \"/1\"
n = 900
[stages.union]
from = [\"totals\", \"lasts\", \"groups\"]
[sinks.sums]
type = \"file\"
path = \"totals\"
";

fn numbers(from: usize) -> String {
    let line = |x: usize| if x % 97 == 5 { format!("x{x}\n") } else { format!("{x}\n") };
    (from..from + 20_000).map(line).collect()
}

fn pairs() -> Files {
    let files = Files::new(PAIRS);
    files.write("first", numbers(0));
    files.write("second", numbers(20_000));
    files
}

#[test]
fn a_killed_pipeline_continues_and_its_files_match_an_uninterrupted_run() {
    let (files, expected) = (pairs(), pairs());
    assert_eq!(expected.run("").code, Some(1), "records were put aside");
    let saved = ["--quiet", "--checkpoint", "checkpoint", "--checkpoint-interval", "5ms"];
    let command = || {
        let mut command = files.command();
        command.args(saved).current_dir(files.path(".")).stdin(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let written = || std::fs::metadata(files.path("checkpoint")).and_then(|known| known.modified()).ok();
    let mut killed = 0;
    while killed < 10 {
        let mut child = command().spawn().unwrap();
        let before = written();
        while written() == before && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        // The last thing that a run does is to remove its checkpoint: the next would begin anew.
        if child.wait().unwrap().code().is_some() || written().is_none() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 0, "it was over at once");
    if files.path("checkpoint").exists() {
        let did = command().output().unwrap();
        assert!(matches!(did.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&did.stderr));
    }
    assert!(files.read("out") == expected.read("out"), "the outputs differ");
    let sorted = |of: &Files| {
        let mut lines: Vec<_> = of.read("totals").lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert!(sorted(&expected).len() > 1000 && sorted(&files) == sorted(&expected), "the totals differ");
    // They name the inputs, which are in two folders.
    let dead = |of: &Files| of.read("dead").replace(&of.path("").display().to_string(), "");
    assert!(dead(&files) == dead(&expected), "the dead letters differ");
    assert!(!files.path("checkpoint").exists(), "what is done needs no checkpoint");
}

#[test]
fn a_run_goes_on_with_other_options_or_plugins_only_if_it_is_told_to() {
    const LINES: &str = "\
[faults]
on_fault = \"stop\"
[sources.files]
path = \"in\"
[stages.add]
type = \"map\"
plugin = \"f.wasm\"
[stages.pairs]
type = \"partition\"
n = 2
[sinks.file]
path = \"out\"
";
    let files = Files::new(LINES);
    let inc = std::fs::read(crate::support::plugin("inc")).unwrap();
    let run = |more: &[&str]| {
        let mut command = files.command();
        command.arg("--checkpoint").arg(files.path("checkpoint")).args(more);
        crate::support::fed(command, "")
    };
    files.write("f.wasm", &inc);
    files.write("in", "1\n2\nx\n3\n");
    assert_eq!(run(&[]).code, Some(1), "a fault ends it");
    let skipping = LINES.replace("stop", "skip");
    files.write("pipeline.toml", skipping.replace("n = 2", "n = 3"));
    let other_options = run(&[]).stderr;
    assert!(other_options.contains("pairs has changed since the checkpoint was saved"), "{other_options}");
    assert!(other_options.contains("--accept-changes"), "{other_options}");
    files.write("pipeline.toml", &skipping);
    // An empty custom section more.
    files.write("f.wasm", [&inc[..], &[0, 2, 1, b'x']].concat());
    let other_plugin = run(&[]).stderr;
    assert!(other_plugin.contains("f.wasm has changed since the checkpoint was saved"), "{other_plugin}");
    let accepted = run(&["--accept-changes"]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.stderr);
    assert!(!files.read("out").is_empty() && !files.path("checkpoint").exists());
}

#[test]
fn a_source_that_cannot_be_read_again_is_refused_by_name() {
    let files = Files::new("[sources.keys]\ntype = \"stdin\"\n[sinks.file]\npath = \"out\"\n");
    files.write("out", "before\n");
    let mut command = files.command();
    command.arg("--checkpoint").arg(files.path("checkpoint"));
    let did = crate::support::fed(command, "1\n");
    assert!(did.stderr.contains("keys"), "{}", did.stderr);
    assert!(did.stderr.contains("can't be read again"), "{}", did.stderr);
    assert_eq!((did.code, files.read("out")), (Some(1), "before\n".into()));
}
