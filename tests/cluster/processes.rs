//! A broker and workers as processes of their own, and runs over them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::nats_server::NatsServer;
use crate::support::{Did, engine, fed, function_of, hostile};

/// Whatever is waited for comes within this time.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// A broker and workers.
pub(super) struct Cluster {
    pub(super) server: NatsServer,
    pub(super) folder: TempDir,
    pub(super) workers: Vec<Child>,
}

impl Cluster {
    /// None where there is no NATS server, which is said.
    pub(super) fn start(workers: usize) -> Option<Self> {
        Self::start_with("", workers)
    }

    pub(super) fn start_with(configuration: &str, workers: usize) -> Option<Self> {
        let server = NatsServer::start_with(configuration)?;
        let mut cluster = Self { server, folder: tempdir().unwrap(), workers: Vec::new() };
        (0..workers).for_each(|_| cluster.join(&[]));
        Some(cluster)
    }

    /// Another worker, of two threads.
    pub(super) fn join(&mut self, args: &[&str]) {
        let mut command = engine(["worker", "--quiet", "--workers", "2", "--cluster", &self.server.url()]);
        command.args(args).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
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
        let mut command = engine(["run", "-q", "-p", function, "--cluster", &self.server.url()]);
        command.arg("-i").arg(self.path("in")).arg("-o").arg(self.path("out")).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    pub(super) fn status(&self) -> Value {
        let Did { code, stdout, stderr } =
            fed(engine(["cluster", "status", "--json", &self.server.url()]), "");
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }

    /// Waits until workers have done so many tasks.
    pub(super) fn wait_for_tasks(&self, tasks: u64) {
        self.wait_until(|status| {
            let workers = status["workers"].as_object().unwrap();
            workers.values().map(|worker| worker["tasks"].as_u64().unwrap()).sum::<u64>() >= tasks
        });
    }

    pub(super) fn wait_until(&self, is_so: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.status()) {
            assert!(begun.elapsed() < PATIENCE, "{:#}", self.status());
        }
    }

    pub(super) fn kill(&mut self, worker: usize) {
        let mut child = self.workers.swap_remove(worker);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until something of the output is there.
    pub(super) fn wait_for_output(&self) {
        let begun = Instant::now();
        while fs::metadata(self.path("out")).map_or(0, |file| file.len()) == 0 {
            assert!(begun.elapsed() < PATIENCE, "nothing comes out");
            std::thread::yield_now();
        }
    }
}

impl Drop for Cluster {
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

/// Records that take half a millisecond each, as they come out.
pub(super) fn slow(records: usize) -> String {
    "500\n".repeat(records)
}

pub(super) fn slow_loop() -> String {
    function_of(&hostile("misdeeds"), "slow_loop")
}
