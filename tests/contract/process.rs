//! Inputs that are pipes: stdin, and what a command prints.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;

use super::run::Run;
use super::source_peer::{End, SourcePeer};

#[derive(Default)]
pub(super) struct Stdin(Option<ChildStdin>);

impl SourcePeer for Stdin {
    fn node(&self) -> String {
        "type = \"stdin\"".to_owned()
    }

    fn meet(&mut self, run: &mut Run) {
        self.0 = Some(run.stdin());
    }

    fn give(&mut self, records: &[String]) -> usize {
        let text = records.join("\n") + "\n";
        // The run may have ended.
        let _ = self.0.as_mut().expect("it is open").write_all(text.as_bytes());
        0
    }

    fn end(&mut self) -> End {
        self.0 = None;
        End::Input
    }
}

/// A command that prints a file.
pub(super) struct Process(PathBuf);

impl Process {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }
}

impl SourcePeer for Process {
    fn node(&self) -> String {
        "type = \"process\"\ncommand = [\"sh\", \"-c\", \"echo > touched; cat input\"]".to_owned()
    }

    fn is_early(&self) -> bool {
        true
    }

    fn give(&mut self, records: &[String]) -> usize {
        fs::write(self.0.join("input"), records.join("\n") + "\n").unwrap();
        0
    }

    fn end(&mut self) -> End {
        End::Input
    }

    fn is_touched(&mut self) -> bool {
        self.0.join("touched").exists()
    }

    fn missing(&self) -> Option<(String, String)> {
        Some(("type = \"process\"\ncommand = [\"no-such-program\"]".to_owned(), "no-such-program".to_owned()))
    }
}
