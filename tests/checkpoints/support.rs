//! Helpers: a run over two inputs, and the lines of checkpoints.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;

use tempfile::{TempDir, tempdir};

use crate::support::{engine, fed, function_of, hostile};

/// A run over two inputs, of records that take a while, some of which are faults.
pub(super) struct Run {
    folder: TempDir,
    chain: &'static [&'static str],
}

impl Run {
    pub(super) fn new(chain: &'static [&'static str], records: usize) -> Self {
        let folder = tempdir().unwrap();
        let line = |x: usize| if x % 97 == 5 { format!("x{x}") } else { (x % 30).to_string() };
        let lines =
            |end: &str, from: usize| (from..from + records / 2).map(|x| line(x) + end).collect::<String>();
        fs::write(folder.path().join("first"), lines("\r\n", 0)).unwrap();
        // The last line has no newline.
        fs::write(folder.path().join("second"), lines("\n", records / 2) + "7").unwrap();
        Self { folder, chain }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The command; `out` and `dead` are where outputs and dead letters go.
    pub(super) fn command(&self, out: &str, dead: &str, more: &[&str]) -> std::process::Command {
        let hostile = hostile("misdeeds");
        let mut command = engine(["run", "-q", "-t", "2"]);
        for function in self.chain {
            command.args(["-p", &function_of(&hostile, function)]);
        }
        command.arg("-i").args([self.path("first"), self.path("second")]);
        command.arg("-o").arg(self.path(out));
        command.arg("--on-fault").arg(format!("divert={}", self.path(dead).display()));
        command.args(more);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    pub(super) fn with_checkpoint(&self, more: &[&str]) -> std::process::Command {
        let mut command = self.command("out", "dead", more);
        command.arg("--checkpoint").arg(self.path("checkpoint")).args(["--checkpoint-interval", "5ms"]);
        command
    }

    /// Checks that the outputs are those of a run without a checkpoint.
    pub(super) fn check(&self) {
        let did = fed(self.command("expected-out", "expected-dead", &[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        // Segments of a chain write dead letters at different times.
        let dead = |name: &str| {
            let mut lines: Vec<_> = self.text(name).lines().map(str::to_owned).collect();
            if self.chain != TWICE {
                lines.sort();
            }
            lines
        };
        assert!(self.text("out") == self.text("expected-out"), "the outputs differ");
        assert_eq!(dead("dead"), dead("expected-dead"));
        assert!(!self.path("checkpoint").exists(), "what is done needs no checkpoint");
    }
}

/// Emits each record twice.
pub(super) const TWICE: &[&str] = &["slow_loop", "twice"];

/// Waits until a checkpoint exists, or the run has ended.
pub(super) fn wait_for_checkpoint(run: &Run, child: &mut Child) {
    while !run.path("checkpoint").exists() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
}

/// The contents of a checkpoint.
pub(super) fn line_of(checkpoint: &str) -> serde_json::Value {
    serde_json::from_str(checkpoint.lines().next().unwrap()).unwrap()
}

/// A checkpoint with these contents and their checksum.
pub(super) fn summed(line: &serde_json::Value) -> String {
    let line = line.to_string();
    format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex())
}
