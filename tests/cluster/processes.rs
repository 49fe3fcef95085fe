//! A broker and workers as separate processes, and runs over them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::machines::Machine;
use crate::support::nats_server::NatsServer;
use crate::support::{Did, engine, fed, function_of, hostile};

/// The longest wait for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// A broker and workers.
pub(super) struct Cluster<S = NatsServer> {
    pub(super) server: S,
    url: String,
    /// The broker's machine.
    machine: Machine,
    pub(super) folder: TempDir,
    pub(super) workers: Vec<Child>,
}

impl Cluster {
    /// None, with a note, if there is no NATS server.
    pub(super) fn start(workers: usize) -> Option<Self> {
        Self::start_with("", workers)
    }

    pub(super) fn start_with(configuration: &str, workers: usize) -> Option<Self> {
        let server = NatsServer::start_with(configuration)?;
        let url = server.url();
        let mut cluster = Self::with_broker(server, url, Machine::this());
        (0..workers).for_each(|_| cluster.join(&[]));
        Some(cluster)
    }
}

impl<S> Cluster<S> {
    /// A cluster with the broker at `url`, as reached from its own machine.
    pub(super) fn with_broker(server: S, url: String, machine: Machine) -> Self {
        Self { server, url, machine, folder: tempdir().unwrap(), workers: Vec::new() }
    }

    /// Another worker, of two threads.
    pub(super) fn join(&mut self, args: &[&str]) {
        self.join_by(self.worker(args));
    }

    /// The command of such a worker.
    pub(super) fn worker(&self, args: &[&str]) -> Command {
        let mut command = engine(["worker", "--quiet", "--threads", "2", "--cluster", &self.url]);
        command.args(args).env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Another worker, started by this command.
    pub(super) fn join_by(&mut self, mut command: Command) {
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        self.workers.push(command.spawn().unwrap());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A run of a function over the cluster, from `in` to `out`.
    pub(super) fn run(&self, function: &str, args: &[&str]) -> Command {
        let mut command = engine(["run", "-q", "-p", function, "--cluster", &self.url]);
        command.arg("-i").arg(self.path("in")).arg("-o").arg(self.path("out")).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    pub(super) fn status(&self) -> Value {
        self.try_status().unwrap_or_else(|stderr| panic!("{stderr}"))
    }

    /// The cluster's status, or why it is unknown now.
    fn try_status(&self) -> Result<Value, String> {
        let status = engine(["cluster", "status", "--json", &self.url]);
        let Did { code, stdout, stderr } = fed(self.machine.command(&status), "");
        if code == Some(0) { Ok(serde_json::from_str(&stdout).unwrap()) } else { Err(stderr) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn wait_until(&self, mut is_so: impl FnMut(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            // Servers that elect a leader may not answer.
            let status = self.try_status();
            if status.as_ref().is_ok_and(&mut is_so) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{status:#?}");
        }
    }

    pub(super) fn kill(&mut self, worker: usize) {
        let mut child = self.workers.remove(worker);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for the first output.
    pub(super) fn wait_for_output(&self) {
        self.wait_for_bytes(1);
    }

    /// The size of the output in bytes.
    pub(super) fn bytes(&self) -> u64 {
        fs::metadata(self.path("out")).map_or(0, |file| file.len())
    }

    /// Waits until the output has this many bytes.
    pub(super) fn wait_for_bytes(&self, bytes: u64) {
        let begun = Instant::now();
        while self.bytes() < bytes {
            assert!(begun.elapsed() < PATIENCE, "nothing comes out");
            std::thread::yield_now();
        }
    }
}

impl<S> Drop for Cluster<S> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // It may have died before.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

pub(super) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

pub(super) fn ended(run: Child) -> (Option<i32>, String) {
    let output = run.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

pub(super) fn numbers(range: std::ops::Range<u64>) -> String {
    range.map(|x| format!("{x}\n")).collect()
}

/// The outputs of records that take half a millisecond each.
pub(super) fn slow(records: usize) -> String {
    "500\n".repeat(records)
}

pub(super) fn slow_loop() -> String {
    function_of(&hostile("misdeeds"), "slow_loop")
}
