//! A run of a pipeline file, with its output line by line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Did, engine};

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Run {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    told: Receiver<String>,
    report: JoinHandle<String>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    /// Its output that was not read before.
    pub(super) rest: Vec<String>,
    /// What `--json` prints at the end; null if the run did not begin.
    pub(super) summary: Value,
    /// All that it wrote to stderr.
    pub(super) stderr: String,
}

impl Run {
    pub(super) fn start(folder: &Path, pipeline: &str) -> Self {
        let mut command = command(folder, pipeline);
        command.stdout(Stdio::piped());
        Self::of(command)
    }

    /// A run whose output may go elsewhere.
    pub(super) fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        if let Some(stdout) = stdout {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stdout).lines();
                lines.try_for_each(|line| sender.send(line.expect("it is text")).map_err(drop))
            });
        } else {
            drop(sender);
        }
        let (sender, told) = channel();
        let stderr = child.stderr.take().expect("it is piped");
        let report = std::thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(stderr).lines() {
                let line = line.expect("it is text");
                all += &line;
                all.push('\n');
                // The test may not read it.
                let _ = sender.send(line);
            }
            all
        });
        Self { child, stdin, lines, told, report }
    }

    pub(super) fn stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("it is taken once")
    }

    /// The address at which its source listens.
    pub(super) fn address(&self) -> String {
        loop {
            let line = self.told.recv_timeout(PATIENCE).expect("it tells where it listens");
            if let Some((_, address)) = line.split_once(" listens at ") {
                return address.trim_end().trim_start_matches("http://").trim_end_matches('/').to_owned();
            }
        }
    }

    /// The next line of its output.
    pub(super) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a record comes out")
    }

    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    pub(super) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    pub(super) fn ended(mut self) -> Ended {
        let rest = self.lines.iter().collect();
        let code = self.child.wait().expect("it ends").code();
        let stderr = self.report.join().expect("it is read");
        let summary = stderr.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        Ended { code, rest, summary: summary.unwrap_or_default(), stderr }
    }
}

impl Ended {
    /// A count of the summary.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.summary[name].as_u64().unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}

/// The command that runs a pipeline in a folder.
pub(super) fn command(folder: &Path, pipeline: &str) -> Command {
    let mut command = engine(["run", "--json"]);
    command.arg(written(folder, pipeline)).current_dir(folder);
    command
}

/// What `engine check` says of a pipeline.
pub(super) fn checked(folder: &Path, pipeline: &str) -> Did {
    let mut command = engine(["check"]);
    command.arg(written(folder, pipeline)).current_dir(folder);
    command.output().expect("it starts").into()
}

fn written(folder: &Path, pipeline: &str) -> PathBuf {
    let file = folder.join("pipeline.toml");
    fs::write(&file, pipeline).unwrap();
    file
}

/// Records that can be told apart.
pub(super) fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Tries a promise with each peer, in a folder of its own, and names those that break it.
pub(super) fn keep<T: RefUnwindSafe>(peers: &[(&str, T)], promise: impl Fn(&Path, &T) + RefUnwindSafe) {
    let broken = peers.iter().filter(|(name, peer)| {
        println!("{name}:");
        let folder = tempfile::tempdir().unwrap();
        catch_unwind(|| promise(folder.path(), peer)).is_err()
    });
    let broken: Vec<_> = broken.map(|(name, _)| name).collect();
    assert!(broken.is_empty(), "broken by {broken:?}");
}
