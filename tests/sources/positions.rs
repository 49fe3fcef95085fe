//! Positions: a later run goes on where an earlier one stopped.

use std::fs;
use std::path::Path;

use engine::Error;
use engine::error::FileError;
use engine::sources::{self, Csv, Files, Folder, Layout};

use super::files::gzip;
use super::support::{append, file, folder};
use crate::support::divert_to_list;
use crate::support::feeds::{Fed, fed, fed_error, lines_of};

/// A run that reads what there is.
fn files(log: &Path) -> Files {
    sources::files([log]).position(log.with_extension("position"))
}

/// Another program's file with this content takes the file's place.
fn replace(log: &Path, name: &str, text: &str) {
    fs::rename(log, log.with_file_name(name)).unwrap();
    fs::write(log, text).unwrap();
}

/// Waits until a run has begun, and saved where.
async fn saved(position: &Path) {
    while !position.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_later_run_reads_what_was_added() {
    let folder = folder();
    let log = file(&folder, "log", "1\n2\n");
    assert_eq!(lines_of(files(&log)).await, ["1", "2"]);
    assert_eq!(lines_of(files(&log)).await, [""; 0]);
    append(&log, "3\n4");
    // A last line without its end counts.
    assert_eq!(lines_of(files(&log)).await, ["3", "4"]);
    append(&log, "\n5\n");
    assert_eq!(lines_of(files(&log)).await, ["", "5"]);
    let mut followed = Fed::new(files(&log).follow(true));
    append(&log, "6\nbegun");
    assert_eq!(followed.next().await, ["6"]);
    followed.stop().await.unwrap();
    append(&log, " and ended\n");
    let mut followed = Fed::new(files(&log).follow(true));
    assert_eq!(followed.next().await, ["begun and ended"]);
    followed.stop().await.unwrap();
}

#[tokio::test]
async fn a_run_that_failed_is_continued_after_the_last_record_that_is_out() {
    let folder = folder();
    let log = file(&folder, "log", "1\n2\nthree\n4\n");
    let (numbers, ended) = fed::<i64>(files(&log)).await;
    assert_eq!(numbers, [1, 2]);
    assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 3));
    // Those that were passed on together with the one that failed may come again.
    assert_eq!(lines_of(files(&log)).await, ["2", "three", "4"]);
}

#[tokio::test]
async fn a_file_that_is_written_anew_after_a_run_that_failed_is_read_from_its_start() {
    let folder = folder();
    let log = file(&folder, "log", "1\ntwo\n");
    assert_eq!(fed::<i64>(files(&log)).await.0, [1]);
    fs::write(&log, "3\n4\n").unwrap();
    assert_eq!(lines_of(files(&log)).await, ["3", "4"]);
}

#[tokio::test]
async fn what_was_rotated_between_runs_is_read_first() {
    let folder = folder();
    let log = file(&folder, "log", "1\n");
    assert_eq!(lines_of(files(&log)).await, ["1"]);
    append(&log, "2\n");
    replace(&log, "log.1", "3\n");
    assert_eq!(lines_of(files(&log)).await, ["2", "3"]);
    // Twice, and the first of them was compressed meanwhile.
    append(&log, "4\n");
    let rest = fs::read_to_string(&log).unwrap();
    let modified = log.metadata().unwrap().modified().unwrap();
    fs::write(log.with_file_name("log.2.gz"), gzip(&rest)).unwrap();
    let compressed = fs::File::options().write(true).open(log.with_file_name("log.2.gz")).unwrap();
    compressed.set_modified(modified).unwrap();
    fs::remove_file(&log).unwrap();
    fs::write(&log, "5\n").unwrap();
    replace(&log, "log.1", "6\n");
    assert_eq!(lines_of(files(&log)).await, ["4", "5", "6"]);
    assert_eq!(lines_of(files(&log)).await, [""; 0]);
}

#[tokio::test]
async fn what_was_copied_before_a_file_was_cut_is_read_first() {
    let folder = folder();
    let log = file(&folder, "log", "1\n");
    assert_eq!(lines_of(files(&log)).await, ["1"]);
    append(&log, "2\n");
    fs::copy(&log, log.with_file_name("log-20261128")).unwrap();
    // The new contents are as long as the old ones.
    fs::write(&log, "3\n4\n").unwrap();
    assert_eq!(lines_of(files(&log)).await, ["2", "3", "4"]);
    let mut followed = Fed::new(files(&log).follow(true));
    append(&log, "5\n");
    assert_eq!(followed.next().await, ["5"]);
    followed.stop().await.unwrap();
}

#[tokio::test]
async fn another_file_of_the_same_number_is_read_from_its_start() {
    let folder = folder();
    let log = file(&folder, "log", "1\n2\n3\n");
    assert_eq!(lines_of(files(&log)).await, ["1", "2", "3"]);
    // In place, so the inode stays.
    fs::write(&log, "4\n5\n6\n").unwrap();
    assert_eq!(lines_of(files(&log)).await, ["4", "5", "6"]);
    // A file that was moved to another file system and back has other numbers.
    fs::copy(&log, log.with_file_name("copy")).unwrap();
    fs::rename(log.with_file_name("copy"), &log).unwrap();
    append(&log, "7\n");
    assert_eq!(lines_of(files(&log)).await, ["7"]);
}

#[tokio::test]
async fn another_file_that_has_the_number_of_an_empty_one_is_not_read() {
    let folder = folder();
    let log = file(&folder, "log", "");
    assert_eq!(lines_of(files(&log)).await, [""; 0]);
    fs::rename(&log, folder.path().join("secrets")).unwrap();
    append(&folder.path().join("secrets"), "not a line of the log\n");
    append(&log, "1\n");
    assert_eq!(lines_of(files(&log)).await, ["1"]);
}

#[tokio::test]
async fn reading_can_begin_at_the_end() {
    let folder = folder();
    let log = file(&folder, "log", "1\n2\nhal");
    let position = folder.path().join("position");
    let from_end = || sources::files([&log]).follow(true).from_end(true).position(&position);
    let mut followed = Fed::new(from_end());
    saved(&position).await;
    append(&log, "f\n3\n");
    assert_eq!(followed.next().await, ["half", "3"]);
    followed.stop().await.unwrap();
    // What is known counts more than the end.
    append(&log, "4\n");
    let mut followed = Fed::new(from_end());
    assert_eq!(followed.next().await, ["4"]);
    followed.stop().await.unwrap();
    // An empty file has an end too: what is written while no run reads it counts.
    let empty = file(&folder, "empty", "");
    let position = folder.path().join("another");
    let once = || sources::files([&empty]).from_end(true).position(&position);
    assert_eq!(lines_of(once()).await, [""; 0]);
    append(&empty, "1\n");
    assert_eq!(lines_of(once()).await, ["1"]);
}

#[tokio::test]
async fn the_end_is_where_the_first_run_began_even_if_there_was_no_file() {
    let (folder, elsewhere) = (folder(), folder());
    let [log, position] = ["log", "position"].map(|name| folder.path().join(name));
    let from_end = || sources::files([&log]).follow(true).from_end(true).position(&position);
    let followed = Fed::new(from_end());
    saved(&position).await;
    followed.stop().await.unwrap();
    append(&log, "1\n");
    let mut followed = Fed::new(from_end());
    assert_eq!(followed.next().await, ["1"]);
    followed.stop().await.unwrap();
    let position = folder.path().join("another");
    let logs = || sources::folder(elsewhere.path()).position(&position).from_end(true).once(true);
    assert_eq!(lines_of(logs()).await, [""; 0]);
    file(&elsewhere, "a", "1\n");
    assert_eq!(lines_of(logs()).await, ["1"]);
}

#[tokio::test]
async fn a_run_that_ends_before_it_reads_keeps_the_positions() {
    let folder = folder();
    let logs = ["a", "b"].map(|name| file(&folder, name, "1\n"));
    let position = folder.path().join("position");
    assert_eq!(lines_of(sources::files(&logs).position(&position)).await, ["1", "1"]);
    let saved = fs::read(&position).unwrap();
    // The second one can't be read.
    fs::remove_file(&logs[1]).unwrap();
    fs::create_dir(&logs[1]).unwrap();
    fed_error(sources::files(&logs).position(&position)).await;
    assert!(fs::read(&position).unwrap() == saved, "they were written");
}

#[tokio::test]
async fn rows_of_csv_keep_their_names_and_lines() {
    let folder = folder();
    let log = file(&folder, "log", "name,n\na,1\n\"b\nb\",2\n");
    let (policy, letters) = divert_to_list();
    let rows = || files(&log).layout(Layout::Csv(Csv::new())).on_fault(&policy);
    assert_eq!(lines_of(rows()).await, [r#"{"name":"a","n":"1"}"#, r#"{"name":"b\nb","n":"2"}"#]);
    append(&log, "c,3\nd\n");
    assert_eq!(lines_of(rows()).await, [r#"{"name":"c","n":"3"}"#]);
    let said = format!("record 2: csv: it has 1 field, and the header has 2 ({}, line 6)", log.display());
    assert_eq!(letters.read()[0].fault.to_string(), said);
    let position = folder.path().join("end");
    let from_end = sources::files([&log]).layout(Layout::Csv(Csv::new())).follow(true).from_end(true);
    let mut followed = Fed::new(from_end.position(&position).on_fault(&policy));
    saved(&position).await;
    append(&log, "e\nf,4\n");
    assert_eq!(followed.next().await, [r#"{"name":"f","n":"4"}"#]);
    followed.stop().await.unwrap();
    assert!(letters.read()[1].fault.to_string().ends_with("line 1 of those read)"));
}

#[tokio::test]
async fn compressed_files_are_continued() {
    let folder = folder();
    let old = file(&folder, "old.gz", gzip("1\n2\nthree\n4\n"));
    let both = || sources::files([&old]).position(folder.path().join("position"));
    assert_eq!(fed::<i64>(both()).await.0, [1, 2]);
    assert_eq!(lines_of(both()).await, ["2", "three", "4"]);
    assert_eq!(lines_of(both()).await, [""; 0]);
}

#[tokio::test]
async fn a_folder_is_continued() {
    let (folder, elsewhere) = (folder(), self::folder());
    let logs = || -> Folder {
        sources::folder(folder.path()).position(elsewhere.path().join("position")).once(true)
    };
    file(&folder, "a", "1\n");
    file(&folder, "b", "2\nthree\n4\n");
    file(&folder, "c", "5\n");
    let (numbers, ended) = fed::<i64>(logs()).await;
    assert_eq!((numbers, ended.is_err()), (vec![1, 2], true));
    assert_eq!(lines_of(logs()).await, ["three", "4", "5"]);
    assert_eq!(lines_of(logs()).await, [""; 0]);
    fs::remove_file(folder.path().join("a")).unwrap();
    file(&folder, "a", "6\n");
    file(&folder, "d", "7");
    assert_eq!(lines_of(logs()).await, ["6", "7"]);
    assert_eq!(lines_of(logs()).await, [""; 0]);
}

#[tokio::test]
async fn a_folder_can_be_read_from_its_end() {
    let (folder, elsewhere) = (folder(), self::folder());
    let position = elsewhere.path().join("position");
    let logs = || sources::folder(folder.path()).position(&position).from_end(true);
    file(&folder, "a", "1\n");
    let mut followed = Fed::new(logs());
    saved(&position).await;
    fs::rename(file(&elsewhere, "b", "2\n"), folder.path().join("b")).unwrap();
    assert_eq!(followed.next().await, ["2"]);
    followed.stop().await.unwrap();
    file(&folder, "c", "3\n");
    assert_eq!(lines_of(logs().once(true)).await, ["3"]);
    // What is left out has no record of the layout.
    let position = elsewhere.path().join("another");
    let logs = || {
        let folder = sources::folder(folder.path()).position(&position).from_end(true).once(true);
        folder.layout(Layout::Lines { separator: 0 })
    };
    file(&folder, "d", "begun");
    assert_eq!([lines_of(logs()).await, lines_of(logs()).await], [[""; 0]; 2]);
}

#[tokio::test]
async fn a_rotated_file_that_cannot_be_read_is_an_error() {
    let folder = folder();
    let log = file(&folder, "log", "1\n");
    assert_eq!(lines_of(files(&log)).await, ["1"]);
    // It was written and rotated between the runs, and is damaged.
    let damaged = file(&folder, "log.1.zst", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff");
    let error = fed_error(files(&log)).await;
    assert!(matches!(&error, Error::File(FileError::Read { path, .. }) if *path == damaged), "{error}");
}

#[tokio::test]
async fn a_file_without_positions_is_refused() {
    let folder = folder();
    let log = file(&folder, "log", "1\n");
    let error = fed_error(sources::files([&log]).position(&log)).await;
    assert!(matches!(&error, Error::File(FileError::NoPositions { path, .. }) if *path == log));
    assert!(error.to_string().ends_with(": remove it to read all files from their start"), "{error}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "1\n");
}
