//! File sources: invalid rows, rotated files, and new names in folders.

use std::error::Error as _;
use std::fs;

use engine::sources::{self, Csv, Feed, Layout};
use engine::{CancellationToken, Source, sinks};

use crate::sources::{Fed, append, fed, file, folder, lines_of};
use crate::support::divert_to_list;

#[tokio::test]
async fn a_last_row_without_a_closing_quote_is_a_fault() {
    for (cut, row) in [("2,\"x\n3,y\n", "2,\"x\n3,y"), ("2,\"", "2,\"")] {
        let (policy, letters) = divert_to_list();
        let text = format!("a,b\n1,\"\"\"\"\n{cut}");
        let rows = lines_of(sources::csv(std::io::Cursor::new(text), Csv::new()).on_fault(&policy)).await;
        assert_eq!(rows, [r#"{"a":"1","b":"\""}"#]);
        let letter = &letters.read()[0];
        assert_eq!(letter.fault.to_string(), "record 2: csv: its last field has no closing quote");
        assert_eq!(*letter.record, *row.as_bytes());
    }
    assert_eq!(lines_of(sources::csv(&b"a\n\"x\""[..], Csv::new())).await, [r#"{"a":"x"}"#]);
    assert_eq!(lines_of(sources::csv(&b"a\n\"x"[..], Csv::new().quote(None))).await, [r#"{"a":"\"x"}"#]);
    let header = fed::<String>(sources::csv(&b"\"a\n1\n"[..], Csv::new())).await.1.unwrap_err();
    assert_eq!(header.to_string(), "the header can't be used: its last field has no closing quote");
}

#[tokio::test]
async fn a_row_that_makes_too_long_a_record_is_a_fault() {
    let (policy, letters) = divert_to_list();
    let text = [&b"a\n"[..], &[1; 6 << 20], b"\n2\n"].concat();
    let csv = sources::csv(std::io::Cursor::new(text), Csv::new()).on_fault(&policy);
    assert_eq!(lines_of(csv).await, [r#"{"a":"2"}"#]);
    let letter = &letters.read()[0];
    assert_eq!(letter.fault.to_string(), "record 1: csv: its record is longer than 32.0 MiB");
    assert_eq!(letter.record.len(), 6 << 20);
}

#[tokio::test]
async fn the_header_of_a_followed_file_is_not_a_row() {
    let folder = folder();
    let log = file(&folder, "log", "n\n1\n");
    let (policy, letters) = divert_to_list();
    let mut fed = Fed::new(
        sources::files([log.clone()]).layout(Layout::Csv(Csv::new())).follow(true).on_fault(&policy),
    );
    assert_eq!(fed.next().await, [r#"{"n":"1"}"#]);
    append(&log, "2\n\"begun");
    fs::rename(&log, folder.path().join("log.1")).unwrap();
    append(&log, "n,m\n3,4\n");
    assert_eq!(fed.next().await, [r#"{"n":"2"}"#, r#"{"n":"3","m":"4"}"#]);
    append(&log, "5,a longer one\n");
    assert_eq!(fed.next().await, [r#"{"n":"5","m":"a longer one"}"#]);
    fs::write(&log, "n\n6\n").unwrap();
    assert_eq!(fed.next().await, [r#"{"n":"6"}"#]);
    fed.stop().await.unwrap();
    let letters = letters.read();
    let said = format!("record 3: csv: its last field has no closing quote ({}, line 4)", log.display());
    assert_eq!((letters.len(), letters[0].fault.to_string()), (1, said));
    let mut fed =
        Fed::new(sources::files([log.clone()]).layout(Layout::Csv(Csv::new().headers(["x"]))).follow(true));
    assert_eq!(fed.next().await, [r#"{"x":"n"}"#, r#"{"x":"6"}"#]);
    fs::rename(&log, folder.path().join("log.2")).unwrap();
    append(&log, "7\n");
    assert_eq!(fed.next().await, [r#"{"x":"7"}"#]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn errors_name_their_file_and_line() {
    let folder = folder();
    let first = file(&folder, "a", "a,b\n1,2\n");
    let second = file(&folder, "b", "a,b\n1,\"x\ny\"\n\nalone\n");
    let rows = sources::files([first, second.clone()]).layout(Layout::Csv(Csv::new()));
    let said = format!("record 3: csv: it has 1 field, and the header has 2 ({}, line 5)", second.display());
    assert_eq!(fed::<String>(rows).await.1.unwrap_err().to_string(), said);
    let third = file(&folder, "c", "1\n\nno\n");
    let json = sources::files([third.clone()]).layout(Layout::Ndjson);
    let said = fed::<String>(json).await.1.unwrap_err().to_string();
    assert!(said.ends_with(&format!(" ({}, line 3)", third.display())), "{said}");
    let long = file(&folder, "d", [&b"3\n"[..], &vec![b'x'; (32 << 20) + 1]].concat());
    let lines = sources::files([file(&folder, "e", "1\n2\n"), long.clone()]);
    let (lines, ended) = fed::<String>(lines).await;
    let error = ended.unwrap_err();
    assert_eq!(lines, ["1", "2", "3"]);
    assert_eq!(error.to_string(), format!("can't read {}", long.display()));
    assert_eq!(error.source().unwrap().to_string(), "its record 2 is longer than 32.0 MiB");
}

#[cfg(unix)]
#[tokio::test]
async fn new_folders_and_pipes_are_skipped_and_symlinks_are_files() {
    let (folder, elsewhere) = (folder(), folder());
    let name = |name: &str| folder.path().join(name);
    let make_pipe = |path: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    make_pipe(&name("0"));
    file(&folder, "a", "1\n");
    let mut fed = Fed::new(sources::folder(folder.path()));
    assert_eq!(fed.next().await, ["1"]);
    fs::create_dir(elsewhere.path().join("d")).unwrap();
    fs::rename(elsewhere.path().join("d"), name("d")).unwrap();
    make_pipe(&elsewhere.path().join("p"));
    fs::rename(elsewhere.path().join("p"), name("p")).unwrap();
    fs::hard_link(file(&elsewhere, "b", "2\n"), name("b")).unwrap();
    assert_eq!(fed.next().await, ["2"]);
    // A symlink leads to another name in the folder, and never out of it.
    file(&folder, ".c", "3\n");
    std::os::unix::fs::symlink(file(&elsewhere, "b2", "out\n"), name("b2")).unwrap();
    std::os::unix::fs::symlink(".c", name("c")).unwrap();
    assert_eq!(fed.next().await, ["3"]);
    let old = file(&elsewhere, "e", "4\n");
    fs::File::options().write(true).open(&old).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::hard_link(&old, name("e")).unwrap();
    fs::remove_file(&old).unwrap();
    assert_eq!(fed.next().await, ["4"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn refused_rows_are_counted_at_their_position() {
    let source = Source::<String>::new();
    let (sink, rows) = sinks::list();
    source.stream().sink(sink);
    let csv = sources::csv(&b"a\n1\n2,2\n3\n\"4"[..], Csv::new()).on_fault(&engine::FaultPolicy::skip());
    csv.feed(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(rows.take(), [r#"{"a":"1"}"#, r#"{"a":"3"}"#]);
    assert_eq!((source.last_number(), source.counts().faults), (4, 2));
}
