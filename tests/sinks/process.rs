//! Commands that get records.

use std::fs;
use std::time::Duration;

use engine::{Source, sinks};

use crate::support::put;

#[cfg(unix)]
#[tokio::test]
async fn a_cancelled_sink_close_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new();
    source
        .stream()
        .sink(sinks::process(["sh", "-c", "cat > got; mkfifo wait; cat wait"]).folder(folder.path()));
    source.emit(1).await.unwrap();
    let close = tokio::time::timeout(Duration::from_millis(1), source.close());
    close.await.unwrap_err();
    while !folder.path().join("wait").exists() {
        tokio::task::yield_now().await;
    }
    let path = folder.path().join("wait");
    let opened = tokio::task::spawn_blocking(|| fs::OpenOptions::new().write(true).open(path).map(drop));
    source.close().await.unwrap();
    opened.await.unwrap().unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("got")).unwrap(), "1\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gets_all_records_and_the_run_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let sort = sinks::process(["sh", "-c", "sort -n > sorted"]).folder(folder.path());
    put([3, 1, 2], sort).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("sorted")).unwrap(), "1\n2\n3\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_or_ends_early_ends_the_run() {
    let failed = put([1], sinks::process(["sh", "-c", "cat > /dev/null; exit 3"])).await.unwrap_err();
    assert_eq!(failed.to_string(), "sh exited with code 3");
    let lines = || (0..).map(|_| "x".repeat(1 << 16));
    let failed = put(lines(), sinks::process(["sh", "-c", "exit 4"])).await.unwrap_err();
    assert_eq!(failed.to_string(), "sh exited with code 4");
    let early = put(lines(), sinks::process(["head", "-c", "1"])).await.unwrap_err();
    assert_eq!(early.to_string(), "can't write to head");
    let missing = put::<i64>([], sinks::process(["/no/such/command"])).await.unwrap_err();
    assert_eq!(missing.to_string(), "can't run /no/such/command");
}
