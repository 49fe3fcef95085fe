//! Checkpoints of a program's own run, which no command started.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::checkpoint::{Checkpoint, InputState, OutputState};
use engine::run::{CheckpointSettings, FaultSettings, OnFault, Run};
use engine::{CancellationToken, Error, Pool, Source, sinks, sources};
use tempfile::tempdir;

/// Writes the numbers among the lines of a file to another file, and continues where it was before.
async fn numbers(folder: &Path, on_fault: OnFault) -> Result<(), Error> {
    let path = |name: &str| folder.join(name);
    let saved = Checkpoint::blocking_load(&path("checkpoint"))?;
    let start = saved.clone().unwrap_or_else(|| Checkpoint {
        inputs: vec![InputState { path: path("in"), ..InputState::default() }],
        output: OutputState { path: path("out"), ..OutputState::default() },
        ..Checkpoint::default()
    });
    let mut run = Run::new(&Pool::builder().threads(1).build()?).after(saved);
    let output = run.output(Some(&path("out")));
    let policy = run.policy(&FaultSettings { on_fault, ..FaultSettings::default() });
    let source = Arc::new(Source::new().numbered_after(start.read));
    let parsed = source.stream().try_map(|line: String| line.parse::<i64>(), &policy);
    parsed.sink(sinks::lines(&output));
    let (offset, skip) = (start.offset, start.skip);
    let (interval, path) = (Duration::from_secs(1), path("checkpoint"));
    let marks = run.checkpoint(CheckpointSettings { path, interval, start });
    marks.begin(0, 1);
    let mut file = File::open(folder.join("in")).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    let lines = sources::lines(file).skipping(skip);
    let lines = lines.marking(move |mark| marks.note(0, mark.record, offset + mark.offset));
    run.source("lines", &source, lines);
    run.run(&CancellationToken::new()).await
}

#[tokio::test]
async fn a_programs_run_continues_from_its_checkpoint() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), "1\n2\nbad\n4\n").unwrap();
    for _ in 0..2 {
        let failed = numbers(folder.path(), OnFault::Stop).await;
        assert!(matches!(&failed, Err(Error::Fault(fault)) if fault.record == 3), "{failed:?}");
        assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n");
        assert!(path("checkpoint").exists());
    }
    numbers(folder.path(), OnFault::Divert(path("dead"))).await.unwrap();
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n4\n");
    let dead = fs::read_to_string(path("dead")).unwrap();
    assert!(dead.starts_with(r#"{"version":1,"number":3,"#) && dead.lines().count() == 1, "{dead}");
    assert!(!path("checkpoint").exists(), "what is done needs no checkpoint");
}

#[tokio::test]
async fn a_run_refuses_to_write_what_it_uses_otherwise() {
    let folder = tempdir().unwrap();
    let [used, out] = ["used", "out"].map(|name| folder.path().join(name));
    fs::write(&used, "kept").unwrap();
    fs::write(&out, "kept too").unwrap();
    let mut run = Run::new(&Pool::builder().threads(1).build().unwrap());
    run.reads(&used);
    run.output(Some(&out));
    run.policy(&FaultSettings { on_fault: OnFault::Divert(used.clone()), ..FaultSettings::default() });
    let refused = run.blocking_open(&|| false).unwrap_err();
    assert_eq!(refused.to_string(), format!("can't write {}: it is an input too", used.display()));
    assert_eq!([&used, &out].map(|path| fs::read_to_string(path).unwrap()), ["kept", "kept too"]);
}
