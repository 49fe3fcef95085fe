//! File sinks: what a file had before, and what it holds afterwards.

use std::error::Error as _;
use std::fs;

use engine::error::FileError;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, Source, sinks};

use crate::sinks::put;
use crate::support::divert_to_list;

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
        assert!(reason.starts_with("what it has is no gzip that could be written on: "), "{reason}");
        assert_eq!(fs::read(&path).unwrap(), cut);
    }
}

#[tokio::test]
async fn appended_rows_use_the_columns_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let before = "b,\"a,c\"\r\n1,2\r\n";
    fs::write(&path, before).unwrap();
    let rows = || sinks::csv(&path).append(true);
    put([r#"{"a,c":4,"b":3}"#.to_owned()], rows()).await.unwrap();
    put(["[5,6]".to_owned()], rows().columns(["b", "a,c"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}3,4\n5,6\n"));
    let (policy, letters) = divert_to_list();
    put([r#"{"x":1}"#.to_owned()], rows().on_fault(&policy)).await.unwrap();
    assert_eq!(letters.read()[0].fault.to_string(), r#"record 1: csv: it has no "b""#);
    for records in [vec!["[7,8]".to_owned()], vec![]] {
        let error = put(records, rows().columns(["a,c", "b"])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("can't write {}", path.display()));
        assert_eq!(error.source().unwrap().to_string(), "its columns are b, a,c, and not a,c, b");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}3,4\n5,6\n"));
    fs::write(&path, "").unwrap();
    put(["[7,8]".to_owned()], rows().columns(["a", "b"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n7,8\n");
}

#[tokio::test]
async fn numbers_in_rows_are_written_as_in_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let records = [
        r#"{"n":1e400,"m":12345678901234567890123}"#,
        r#"{"m":-0.10,"n":true}"#,
        r#"[{"b":1.0,"a":[ ]},"\u0041"]"#,
        r#"["\ud800",1]"#,
    ];
    let (policy, letters) = divert_to_list();
    put(records.map(str::to_owned), sinks::csv(&path).on_fault(&policy)).await.unwrap();
    let text = "n,m\n1e400,12345678901234567890123\ntrue,-0.10\n\"{\"\"b\"\":1.0,\"\"a\"\":[ ]}\",A\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let said = letters.read()[0].fault.to_string();
    assert!(said.starts_with("record 4: csv: a text in it is none: "), "{said}");
}
