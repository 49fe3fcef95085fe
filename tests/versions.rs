//! Files that engines of other versions wrote: they are read, or refused in one line that says what to do.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use engine::{Source, sinks, sources};
use tempfile::TempDir;

use crate::support::pipelines::Files;
use crate::support::{Did, engine, fed, plugin, root};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/fixtures/versions").join(name)).unwrap()
}

/// A folder with a run over `in` that stopped at its third record, whose output is `out`.
fn stopped_run(checkpoint: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), "1\n2\nbad\n4\n").unwrap();
    let input = File::options().write(true).open(folder.path().join("in")).unwrap();
    // As checkpoints of the fixtures say.
    input.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000)).unwrap();
    fs::write(folder.path().join("out"), "2\n3\n").unwrap();
    fs::write(folder.path().join("checkpoint"), checkpoint).unwrap();
    folder
}

/// Continues the run.
fn resumed(folder: &TempDir) -> Did {
    let inc = plugin("inc").display().to_string();
    let mut command =
        engine(["run", "-q", "-p", &inc, "-i", "in", "-o", "out", "--checkpoint", "checkpoint"]);
    command.args(["--accept-changes", "--on-fault", "skip"]).current_dir(folder.path());
    fed(command, "")
}

#[test]
fn a_checkpoint_of_this_version_is_continued() {
    let folder = stopped_run(&fixture("checkpoint.5"));
    let did = resumed(&folder);
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "2\n3\n5\n");
}

#[test]
fn a_checkpoint_of_another_version_is_refused_and_nothing_is_changed() {
    let newer =
        String::from_utf8(fixture("checkpoint.5")).unwrap().replace("\"version\":5", "\"version\":99");
    let cases = [
        (
            fixture("checkpoint.4"),
            "it is of version 4 of checkpoints",
            "finish the run with the engine that wrote it",
        ),
        (
            newer.into_bytes(),
            "it is of version 99 of checkpoints",
            "use an engine that is as new as the one that wrote it",
        ),
    ];
    for (checkpoint, version, action) in cases {
        let folder = stopped_run(&checkpoint);
        let did = resumed(&folder);
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
        assert!(did.stderr.contains(version) && did.stderr.contains(action), "{}", did.stderr);
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "2\n3\n");
        assert_eq!(fs::read(folder.path().join("checkpoint")).unwrap(), checkpoint);
    }
}

#[tokio::test]
async fn dead_letters_of_all_versions_are_read() {
    for version in ["dead_letters.0", "dead_letters.1"] {
        let source = Source::new();
        let (sink, records) = sinks::list::<Vec<u8>>();
        source.stream().sink(sink);
        sources::dead_letters(std::io::Cursor::new(fixture(version))).emit_into(&source).await.unwrap();
        source.close().await.unwrap();
        assert_eq!(records.take(), [&b"x\ty"[..], b"\xff\0", "é\0".as_bytes()], "{version}");
    }
}

#[test]
fn a_dead_letter_of_a_newer_version_is_refused() {
    let inc = plugin("inc").display().to_string();
    let letters = "{\"record\":\"1\"}\n{\"version\":7,\"record\":[\"2\"]}\n";
    let did = fed(engine(["run", "-q", "-p", &inc, "--dead-letters"]), letters);
    assert_eq!((did.code, &*did.stdout, did.stderr.lines().count()), (Some(1), "2\n", 1), "{}", did.stderr);
    assert!(did.stderr.contains("version 7 of dead letters"), "{}", did.stderr);
}

#[test]
fn a_dead_letter_may_be_written_by_hand() {
    let files = Files::new(
        "[sources.letters]\npath = \"mended\"\n[stages.map]\nplugin = \"$PLUGINS/inc.wasm\"\n[sinks.stdout]\n",
    );
    files.write("mended", "{\"record\":\"1\"}\n{\"record\":\"2\",\"why\":\"mended\"}\n");
    let did = files.run("");
    assert_eq!((did.code, &*did.stdout, &*did.stderr), (Some(0), "2\n3\n", ""));
}

#[test]
fn a_pipeline_file_of_the_first_version_runs() {
    let text = String::from_utf8(fixture("pipeline.1")).unwrap();
    for text in [text.clone(), format!("version = 1\n{text}")] {
        let files = Files::new(&text);
        let did = files.run("1\ntwo\n3\n");
        assert!(did.code == Some(1) && did.stderr.contains("1 record put aside"), "{}", did.stderr);
        assert_eq!(files.read("out"), "2\n4\n");
        assert!(files.read("dead").ends_with("\"record\":\"two\"}\n"));
    }
}

#[test]
fn a_pipeline_file_of_a_newer_version_is_refused_in_one_line() {
    let files = Files::new("version = 2\n[sources.stdin]\nnew = [1]\n[sinks.stdout]\n[later]\n");
    let did = files.run("1\n");
    assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
    assert!(did.stderr.contains("version 2 of pipeline files"), "{}", did.stderr);
    assert!(did.stderr.contains("use an engine that is as new"), "{}", did.stderr);
}
