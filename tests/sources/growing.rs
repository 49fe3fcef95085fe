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
