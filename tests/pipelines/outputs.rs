//! Output files: what runs write, and what they leave as it was.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::support::pipelines::Files;
use crate::support::{Did, plugin};

#[test]
fn a_stream_may_feed_several_sinks() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.all]\ntype = \"file\"\npath = \"all\"\n[stages.slice]\nend = 1\n\
         [sinks.first]\ntype = \"file\"\npath = \"first\"\nappend = true\n",
    );
    files.write("first", "before\n");
    files.write("all", "before\n");
    assert_eq!(files.run("a\nb\n").code, Some(0));
    assert_eq!((files.read("all"), files.read("first")), ("a\nb\n".into(), "before\na\n".into()));
}

#[test]
fn csv_is_appended_to_a_file_that_may_not_exist_yet() {
    let files = Files::new("[sources.ndjson]\n[sinks.csv]\npath = \"out.csv\"\nappend = true\n");
    for expected in ["n\n1\n", "n\n1\n1\n"] {
        let did = files.run("{\"n\":1}\n");
        assert_eq!((did.code, files.read("out.csv").as_str()), (Some(0), expected), "{}", did.stderr);
    }
}

#[test]
fn an_invalid_pipeline_leaves_outputs_untouched() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"out\"\n[sinks.other]\ntype = \"file\"\npath = \"no/where\"\n",
    );
    files.write("out", "before\n");
    let did = files.run("a\n");
    assert_eq!((did.code, files.read("out")), (Some(2), "before\n".into()));
}

#[test]
fn two_pipelines_cannot_write_to_one_file() {
    let files = Files::new("[sources.stdin]\n[sinks.file]\npath = \"out\"\n");
    let mut first = files.command().stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    while fs::read_to_string(files.path("out")).unwrap_or_default() != "1\n" {
        assert!(first.try_wait().unwrap().is_none(), "it ended early");
    }
    let second = files.run("5\n");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("out: another run writes it, and has not ended"), "{}", second.stderr);
    assert_eq!(files.read("out"), "1\n");
    drop(stdin);
    assert!(first.wait().unwrap().success());
    assert_eq!(files.run("5\n").code, Some(0));
    assert_eq!(files.read("out"), "5\n");
}

/// Expects an error, and that the file `kept` stays untouched.
#[track_caller]
fn refused(pipeline: &str, kept: &str, mistake: &str) {
    let files = Files::new(pipeline);
    files.write("kept", "precious\n");
    fs::create_dir(files.path("d")).unwrap();
    fs::hard_link(files.path("kept"), files.path("linked")).unwrap();
    fs::copy(plugin("inc"), files.path("inc.wasm")).unwrap();
    let before = fs::read(files.path(kept)).unwrap();
    let did = files.run("1\n");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert!(did.stderr.contains(mistake), "{}", did.stderr);
    assert_eq!(fs::read(files.path(kept)).unwrap(), before);
}

#[test]
fn no_node_overwrites_a_file_another_one_needs() {
    let sink = |path: &str| format!("[sources.stdin]\n[sinks.file]\npath = \"{path}\"\n");
    let source = "[sources.b]\ntype = \"files\"\npath = \"kept\"\n[sinks.stdout]\n";
    refused(&format!("{}{source}", sink("kept")), "kept", "another node writes there");
    refused(&format!("{}{source}", sink("d/../kept")), "kept", "another node writes there");
    refused(&format!("{}{source}", sink("linked")), "kept", "another node writes there");
    refused(&sink("pipeline.toml"), "pipeline.toml", "it is read too");
    let map = "[stages.map]\nplugin = \"inc.wasm\"\n[sinks.stdout]\n";
    refused(&format!("{}{map}", sink("inc.wasm")), "inc.wasm", "another node writes there");
    let twice = format!("{}[sinks.other]\ntype = \"file\"\npath = \"d/../new\"\n", sink("new"));
    refused(&twice, "kept", "another node writes there");
    let rotating = |path: &str| {
        format!("[sources.stdin]\n[sinks.file]\npath = \"{path}\"\nrotate_at = \"4B\"\nkeep = 2\n")
    };
    let older = "[sinks.other]\ntype = \"file\"\npath = \"log.1\"\n";
    refused(&format!("{}{older}", rotating("log")), "kept", "another node writes there");
    let folder = "[sources.folder]\npath = \"d\"\n[sinks.file]\npath = \"d/out\"\n";
    refused(folder, "kept", "such files of that folder are read");
    let process =
        "[sources.stdin]\n[sinks.process]\ncommand = [\"no-such-program\"]\n[sinks.file]\npath = \"kept\"\n";
    refused(process, "kept", "there is no program no-such-program");
}

#[test]
fn stdin_may_be_an_output_file() {
    let files = Files::new("[sources.stdin]\n[sinks.file]\npath = \"kept\"\n");
    files.write("kept", "precious\n");
    let stdin = fs::File::open(files.path("kept")).unwrap();
    let output = files.command().stdin(stdin).output().unwrap();
    assert_eq!((output.status.code(), files.read("kept")), (Some(2), "precious\n".into()));
}

#[test]
fn outputs_are_truncated_only_if_all_can_be_written() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"kept\"\n[sinks.other]\ntype = \"file\"\npath = \"/proc/none\"\n",
    );
    files.write("kept", "precious\n");
    let did = files.run("1\n");
    assert!(did.code != Some(0) && did.stderr.contains("/proc/none"), "{}", did.stderr);
    assert_eq!(files.read("kept"), "precious\n");
}

#[test]
fn a_command_that_stops_reading_ends_the_run_quietly() {
    let files = Files::new("[sources.stdin]\n[sinks.process]\ncommand = [\"head\", \"-1\"]\n");
    let many: String = (0..1_000_000).map(|x| format!("{x}\n")).collect();
    let Did { code, stdout, stderr } = files.run(many);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "0\n", ""));
}
