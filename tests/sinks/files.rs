//! Files: appended to, rotated and compressed.

use std::error::Error as _;
use std::fs;
use std::time::Duration;

use engine::error::FileError;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, Source, sinks};

use crate::support::put;

#[tokio::test]
async fn a_file_is_truncated_or_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    put([1, 2], sinks::files(&path)).await.unwrap();
    put([3], sinks::files(&path).append(true)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
    put([4], sinks::files(&path).separated_by(0)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "4\0");
    put::<i64>([], sinks::files(&path)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let error = put([1], sinks::files(folder.path().join("no/out"))).await.unwrap_err();
    assert!(matches!(error, Error::File(FileError::Write { path, .. }) if path.ends_with("no/out")));
}

#[tokio::test]
async fn an_emitted_line_is_in_the_file_when_emit_returns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let source = Source::new();
    source.stream().sink(sinks::files(&path));
    source.emit(1).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    let lines = sources::lines("2\n3\n".as_bytes());
    lines.feed(&source, &CancellationToken::new()).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
}

#[tokio::test]
async fn files_rotate_between_records_and_old_ones_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    put(
        ["aaaa", "bbbb", "c\nc", "dddddddddddd", "e"].map(str::to_owned),
        sinks::files(&path).rotate_at(10).keep(2),
    )
    .await
    .unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
    assert_eq!(read("log").unwrap(), "e\n");
    assert_eq!(read("log.1").unwrap(), "dddddddddddd\n");
    assert_eq!(read("log.2").unwrap(), "c\nc\n");
    assert_eq!(read("log.3"), None);
    // Existing content counts, and is appended to.
    put(["ffff", "g"].map(str::to_owned), sinks::files(&path).append(true).rotate_at(8).keep(1))
        .await
        .unwrap();
    assert_eq!((read("log.1").unwrap(), read("log").unwrap()), ("e\nffff\n".into(), "g\n".into()));
}

#[tokio::test(start_paused = true)]
async fn files_rotate_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let source = Source::new();
    source.stream().sink(sinks::files(&path).rotate_every(Duration::from_secs(3600)).keep(5));
    for x in 0..4 {
        source.emit(x).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1800)).await;
    }
    source.close().await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "0\n1\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "2\n3\n");
}

#[tokio::test]
async fn compressed_output_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.gz");
    put([1, 2], sinks::files(&path).gzip(true)).await.unwrap();
    put([3], sinks::files(&path).gzip(true).append(true)).await.unwrap();
    assert_ne!(fs::read(&path).unwrap()[0], b'1');
    let source = Source::<i64>::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    sources::files([path]).feed(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(list.take(), [1, 2, 3]);
}

#[tokio::test]
async fn appending_starts_after_a_complete_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = || sinks::files(&path).append(true);
    for (before, after) in [("1", "1\n2\n"), ("1\n", "1\n2\n"), ("", "2\n")] {
        fs::write(&path, before).unwrap();
        put([2], log()).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }
    fs::write(&path, "1\n").unwrap();
    put([2], log().separated_by(0)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n\x002\0");
    fs::write(&path, "12345").unwrap();
    put([6, 7], log().rotate_at(8).keep(1)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "7\n");
    assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "12345\n6\n");
    fs::write(&path, "a\n1").unwrap();
    put(["[2]".to_owned()], sinks::csv(&path).append(true)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\n1\n2\n");
}

#[tokio::test]
async fn truncated_compressed_files_are_not_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.gz");
    let log = || sinks::files(&path).gzip(true);
    put([1, 2], log()).await.unwrap();
    // Six bytes are in it, however few they have become.
    put([3, 4], log().append(true).rotate_at(6).keep(1)).await.unwrap();
    let source = Source::<i64>::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    let files = sources::files([folder.path().join("log.gz.1"), path.clone()]);
    files.feed(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(list.take(), [1, 2, 3, 4]);
    let whole = fs::read(&path).unwrap();
    for cut in [whole[..whole.len() - 1].to_vec(), whole[..12].to_vec(), [&whole, &b"x\n"[..]].concat()] {
        fs::write(&path, &cut).unwrap();
        let error = put([5], log().append(true)).await.unwrap_err();
        assert!(
            matches!(&error, Error::File(FileError::Write { path: told, .. }) if *told == path),
            "{error}"
        );
        let reason = error.source().unwrap().to_string();
        assert!(reason.starts_with("it is not gzip, or is damaged: "), "{reason}");
        assert_eq!(fs::read(&path).unwrap(), cut);
    }
}
