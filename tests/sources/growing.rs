//! Files and folders that grow while they are read.

use std::fs;
use std::io::Write;
use std::time::Duration;

use engine::Error;
use engine::error::FileError;
use engine::sources::{self, Csv, Layout};

use super::support::{append, file, folder};
use crate::support::divert_to_list;
use crate::support::feeds::{Fed, fed_error};

#[tokio::test]
async fn a_followed_file_may_grow_rotate_and_shrink() {
    let folder = folder();
    let (old, log) = (file(&folder, "old", "0\n"), file(&folder, "log", "1\n"));
    let mut fed = Fed::new(sources::files([old, log.clone()]).follow(true));
    assert_eq!(fed.next().await, ["0", "1"]);
    append(&log, "2\nha");
    assert_eq!(fed.next().await, ["2"]);
    append(&log, "lf\n");
    assert_eq!(fed.next().await, ["half"]);
    append(&log, "3\n4");
    fs::rename(&log, folder.path().join("log.1")).unwrap();
    append(&log, "5\n");
    assert_eq!(fed.next().await, ["3", "4", "5"]);
    append(&log, "a longer line\n");
    assert_eq!(fed.next().await, ["a longer line"]);
    fs::write(&log, "6\n").unwrap();
    assert_eq!(fed.next().await, ["6"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_written_anew_is_read_from_its_start_whatever_its_length() {
    let folder = folder();
    let log = file(&folder, "log", "1\n2\n");
    let mut fed = Fed::new(sources::files([log.clone()]).follow(true));
    assert_eq!(fed.next().await, ["1", "2"]);
    fs::write(&log, "3\n4\n").unwrap();
    assert_eq!(fed.next().await, ["3", "4"]);
    fs::write(&log, "5\n6\n7\n").unwrap();
    assert_eq!(fed.next().await, ["5", "6", "7"]);
    // The beginning is the same, and longer than what is compared of it.
    let header = "h".repeat(3000);
    fs::write(&log, format!("{header}\n8\n")).unwrap();
    assert_eq!(fed.next().await, [header.as_str(), "8"]);
    fs::write(&log, format!("{header}\n9\n10\n")).unwrap();
    assert_eq!(fed.next().await, [header.as_str(), "9", "10"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_copied_before_a_followed_file_was_cut_is_read_first() {
    let folder = folder();
    let log = file(&folder, "log", "1\n");
    let mut fed = Fed::new(sources::files([log.clone()]).follow(true));
    assert_eq!(fed.next().await, ["1"]);
    for turn in 0..5 {
        append(&log, &format!("a{turn}\n"));
        fs::copy(&log, folder.path().join(format!("log.{turn}"))).unwrap();
        fs::write(&log, format!("b{turn}\n")).unwrap();
        assert_eq!(fed.next().await, [format!("a{turn}"), format!("b{turn}")]);
    }
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn late_lines_of_a_rotated_file_are_read() {
    let folder = folder();
    let log = file(&folder, "log", "1\nbe");
    let mut fed = Fed::new(sources::files([log.clone()]).follow(true));
    assert_eq!(fed.next().await, ["1"]);
    let mut old = fs::File::options().append(true).open(&log).unwrap();
    fs::rename(&log, folder.path().join("log.1")).unwrap();
    append(&log, "3\n");
    old.write_all(b"gun\n").unwrap();
    assert_eq!(fed.next().await, ["begun", "3"]);
    old.write_all(b"late\n").unwrap();
    assert_eq!(fed.next().await, ["late"]);
    append(&log, "4\n");
    assert_eq!(fed.next().await, ["4"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_followed_file_is_waited_for() {
    let folder = folder();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let mut fed = Fed::new(sources::files([a.clone(), b.clone()]).follow(true));
    append(&b, "1\n");
    assert_eq!(fed.next().await, ["1"]);
    append(&a, "2\n");
    assert_eq!(fed.next().await, ["2"]);
    append(&b, "3\n");
    assert_eq!(fed.next().await, ["3"]);
    fs::remove_file(&a).unwrap();
    append(&a, "4\n");
    assert_eq!(fed.next().await, ["4"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn files_that_match_a_pattern_are_followed_as_they_come() {
    let folder = folder();
    let log = file(&folder, "b.log", "1\n");
    let pattern = engine::files::Pattern::new(&folder.path().join("*.log*")).unwrap();
    let mut fed = Fed::new(sources::files([""; 0]).matching(pattern).follow(true));
    assert_eq!(fed.next().await, ["1"]);
    append(&folder.path().join("a.log"), "2\n");
    assert_eq!(fed.next().await, ["2"]);
    // It matches under its new name too, and is not read again.
    fs::rename(&log, folder.path().join("b.log.1")).unwrap();
    append(&log, "3\n");
    assert_eq!(fed.next().await, ["3"]);
    append(&folder.path().join("a.log"), "4\n");
    assert_eq!(fed.next().await, ["4"]);
    fed.stop().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_may_lead_to_another_file() {
    let folder = folder();
    let link = folder.path().join("current");
    std::os::unix::fs::symlink(file(&folder, "monday", "1\n"), &link).unwrap();
    let mut fed = Fed::new(sources::files([link.clone()]).follow(true));
    assert_eq!(fed.next().await, ["1"]);
    let next = folder.path().join("next");
    std::os::unix::fs::symlink(file(&folder, "tuesday", "2\n"), &next).unwrap();
    append(&folder.path().join("monday"), "late\n");
    fs::rename(&next, &link).unwrap();
    let mut both: [String; 2] = fed.next().await;
    both.sort();
    assert_eq!(both, ["2", "late"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn files_of_a_folder_are_read_once_when_complete() {
    let folder = folder();
    file(&folder, "b.log", "2\n");
    file(&folder, "a.log", "1\n");
    file(&folder, ".hidden.log", "?\n");
    file(&folder, "c.txt", "?\n");
    let mut fed = Fed::new(sources::folder(folder.path()).names("*.log"));
    assert_eq!(fed.next().await, ["1", "2"]);
    let mut growing = fs::File::create(folder.path().join("d.log")).unwrap();
    growing.write_all(b"4\n").unwrap();
    // Renamed into place while the other one is open: it is read first.
    fs::rename(file(&folder, ".e", "3\n"), folder.path().join("e.log")).unwrap();
    assert_eq!(fed.next().await, ["3"]);
    growing.write_all(b"5\n").unwrap();
    drop(growing);
    assert_eq!(fed.next().await, ["4", "5"]);
    append(&folder.path().join("a.log"), "?\n");
    fs::remove_file(folder.path().join("b.log")).unwrap();
    file(&folder, "b.log", "6\n");
    assert_eq!(fed.next().await, ["6"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_polled_folder_gives_files_that_no_longer_change() {
    let folder = folder();
    let mut fed = Fed::new(sources::folder(folder.path()).polling(Duration::from_millis(10)));
    file(&folder, "a", "1\n");
    assert_eq!(fed.next().await, ["1"]);
    fed.stop().await.unwrap();
    let pattern = fed_error(sources::folder(folder.path()).names("{")).await;
    assert_eq!(pattern.to_string(), r#""{" is not a pattern for file names"#);
    let missing = fed_error(sources::folder(folder.path().join("missing"))).await;
    assert!(matches!(missing, Error::File(FileError::Read { path, .. }) if path.ends_with("missing")));
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
