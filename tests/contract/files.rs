//! Inputs that are files.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;

use super::run::Run;
use super::source_peer::{End, SourcePeer, Unreadable};

fn append(path: &Path, records: &[String]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all((records.join("\n") + "\n").as_bytes()).unwrap();
}

/// A file that is there before the run: the type of its source, and how it stands there.
struct There {
    kind: &'static str,
    path: PathBuf,
}

impl There {
    fn new(kind: &'static str, folder: &Path, first: &str) -> Self {
        let path = folder.join("input");
        fs::write(&path, first).unwrap();
        Self { kind, path }
    }

    fn node(&self) -> String {
        format!("type = \"{}\"\npath = \"input\"", self.kind)
    }

    fn missing(&self) -> Option<(String, String)> {
        Some((format!("type = \"{}\"\npath = \"absent\"", self.kind), "absent".to_owned()))
    }
}

/// Lines of a file.
pub(super) struct Files(There);

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self(There::new("files", folder, ""))
    }
}

impl SourcePeer for Files {
    fn node(&self) -> String {
        self.0.node()
    }

    fn is_early(&self) -> bool {
        true
    }

    fn give(&mut self, records: &[String]) -> usize {
        append(&self.0.path, records);
        0
    }

    fn end(&mut self) -> End {
        End::Input
    }

    fn missing(&self) -> Option<(String, String)> {
        self.0.missing()
    }
}

/// Lines of a file that grows.
pub(super) struct Followed(There);

impl Followed {
    pub(super) fn new(folder: &Path) -> Self {
        Self(There::new("files", folder, ""))
    }
}

impl SourcePeer for Followed {
    fn node(&self) -> String {
        self.0.node() + "\nfollow = true"
    }

    fn give(&mut self, records: &[String]) -> usize {
        records.chunks(100).for_each(|records| append(&self.0.path, records));
        0
    }

    fn end(&mut self) -> End {
        End::Signal
    }
}

/// Rows of a file.
pub(super) struct Csv(There);

impl Csv {
    pub(super) fn new(folder: &Path) -> Self {
        Self(There::new("csv", folder, "n\n"))
    }
}

impl SourcePeer for Csv {
    fn node(&self) -> String {
        self.0.node()
    }

    fn is_early(&self) -> bool {
        true
    }

    fn give(&mut self, records: &[String]) -> usize {
        append(&self.0.path, records);
        0
    }

    fn end(&mut self) -> End {
        End::Input
    }

    fn shown(&self, record: &str) -> String {
        format!("{{\"n\":\"{record}\"}}")
    }

    fn unreadable(&self) -> Option<Unreadable> {
        Some(Unreadable { given: "6,6", place: "input" })
    }

    fn missing(&self) -> Option<(String, String)> {
        self.0.missing()
    }
}

/// Lines of JSON in a file.
pub(super) struct Ndjson(There);

impl Ndjson {
    pub(super) fn new(folder: &Path) -> Self {
        Self(There::new("ndjson", folder, ""))
    }
}

impl SourcePeer for Ndjson {
    fn node(&self) -> String {
        self.0.node()
    }

    fn is_early(&self) -> bool {
        true
    }

    fn give(&mut self, records: &[String]) -> usize {
        append(&self.0.path, records);
        0
    }

    fn end(&mut self) -> End {
        End::Input
    }

    fn unreadable(&self) -> Option<Unreadable> {
        Some(Unreadable { given: "{", place: "input" })
    }

    fn missing(&self) -> Option<(String, String)> {
        self.0.missing()
    }
}

/// A file of dead letters.
pub(super) struct Letters(There);

impl Letters {
    pub(super) fn new(folder: &Path) -> Self {
        Self(There::new("letters", folder, ""))
    }
}

impl SourcePeer for Letters {
    fn node(&self) -> String {
        self.0.node()
    }

    fn is_early(&self) -> bool {
        true
    }

    fn give(&mut self, records: &[String]) -> usize {
        let letter = |(number, record): (usize, &String)| {
            let rest = r#""function":"f","fault":"failed","message":"no","attempts":1"#;
            format!("{{\"number\":{},{rest},\"record\":\"{record}\"}}", number + 1)
        };
        append(&self.0.path, &records.iter().enumerate().map(letter).collect::<Vec<_>>());
        0
    }

    fn end(&mut self) -> End {
        End::Input
    }

    fn missing(&self) -> Option<(String, String)> {
        self.0.missing()
    }
}

/// A named pipe. Its other end is opened as soon as something reads it.
pub(super) struct Fifo {
    path: PathBuf,
    opening: Option<JoinHandle<File>>,
    file: Option<File>,
}

impl Fifo {
    pub(super) fn new(folder: &Path) -> Self {
        let path = folder.join("input");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let fifo = path.clone();
        let opening = std::thread::spawn(move || OpenOptions::new().write(true).open(fifo).unwrap());
        Self { path, opening: Some(opening), file: None }
    }
}

impl SourcePeer for Fifo {
    fn node(&self) -> String {
        "type = \"files\"\npath = \"input\"".to_owned()
    }

    fn meet(&mut self, _: &mut Run) {
        self.file = self.opening.take().map(|opening| opening.join().unwrap());
    }

    fn give(&mut self, records: &[String]) -> usize {
        let text = records.join("\n") + "\n";
        // The run may have ended.
        let _ = self.file.as_mut().expect("it is open").write_all(text.as_bytes());
        0
    }

    fn end(&mut self) -> End {
        self.file = None;
        End::Input
    }

    fn is_touched(&mut self) -> bool {
        self.opening.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // A thread that still waits for a reader gets one.
        if let Some(opening) = self.opening.take() {
            let _reader = OpenOptions::new().read(true).write(true).open(&self.path);
            let _ = opening.join();
        }
    }
}

/// Files that come into a folder, of lines of JSON.
pub(super) struct Folder {
    path: PathBuf,
    files: usize,
}

impl Folder {
    pub(super) fn new(folder: &Path) -> Self {
        let path = folder.join("inputs");
        fs::create_dir(&path).unwrap();
        Self { path, files: 0 }
    }
}

impl SourcePeer for Folder {
    fn node(&self) -> String {
        "type = \"folder\"\npath = \"inputs\"\nlayout = \"ndjson\"".to_owned()
    }

    fn give(&mut self, records: &[String]) -> usize {
        for records in records.chunks(100) {
            self.files += 1;
            let draft = self.path.join(".draft");
            append(&draft, records);
            fs::rename(draft, self.path.join(format!("file{:03}", self.files))).unwrap();
        }
        0
    }

    fn end(&mut self) -> End {
        End::Signal
    }

    fn unreadable(&self) -> Option<Unreadable> {
        Some(Unreadable { given: "{", place: "file001" })
    }

    fn missing(&self) -> Option<(String, String)> {
        Some(("type = \"folder\"\npath = \"absent\"".to_owned(), "absent".to_owned()))
    }
}
