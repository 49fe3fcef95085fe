//! A NATS server of a test's own, which may die and come back.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Servers before this version are refused.
const OLDEST: (u64, u64) = (2, 11);

/// The port of a server that was killed is free again within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with JetStream, at a port of this machine that it chose itself.
pub(crate) struct NatsServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    /// None while it is dead.
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one. None where there is no program, which is said; in CI there has to be one.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with a configuration: accounts, limits, certificates. Where it listens and where it keeps its
    /// streams does not belong there.
    pub(crate) fn start_with(configuration: &str) -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "there is no nats-server");
            println!("skipped: there is no nats-server that is new enough");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let (child, port) = run(&program, folder.path(), None).expect("it starts");
        Some(Self { program, folder, port, child: Some(child) })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it with no time to write or say anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it at the same port, with the streams that it had.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let begun = Instant::now();
        // Who wants to connect may hold the port for a moment.
        while self.child.is_none() {
            self.child = run(&self.program, self.folder.path(), Some(self.port)).map(|(child, _)| child);
            assert!(begun.elapsed() < PATIENCE, "it does not start again");
        }
    }

    /// The same, but it has lost all that it had.
    pub(crate) fn restart_empty(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("jetstream")).unwrap();
        self.restart();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a server and waits until it is ready. None, if it ends before that.
fn run(program: &Path, folder: &Path, port: Option<u16>) -> Option<(Child, u16)> {
    let mut command = Command::new(program);
    command.args(["--jetstream", "--addr", "127.0.0.1"]).arg("--store_dir").arg(folder);
    command.arg("--port").arg(port.map_or("-1".into(), |port| port.to_string()));
    command.arg("--config").arg(folder.join("nats.conf"));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let (mut told, mut port) = (Vec::new(), None);
    let ready = lines.by_ref().any(|line| {
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        }
        let ready = line.ends_with("Server is ready");
        told.push(line);
        ready
    });
    if !ready {
        println!("{}", told.join("\n"));
        child.wait().unwrap();
        return None;
    }
    // Else it would wait for somebody who reads.
    std::thread::spawn(move || lines.for_each(drop));
    Some((child, port.expect("it tells where it listens")))
}

/// The server that somebody named, that is installed, or that `cargo xtask test` has fetched.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NATS_SERVER") {
        return Some(named.into());
    }
    let fetched = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("nats/bin/nats-server");
    ["nats-server".into(), fetched].into_iter().find(|program| is_fit(program))
}

fn is_fit(program: &Path) -> bool {
    let Ok(told) = Command::new(program).arg("--version").output() else { return false };
    let told = String::from_utf8_lossy(&told.stdout);
    let version = told.trim().rsplit('v').next().unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    parts.next().zip(parts.next()).is_some_and(|version| version >= OLDEST)
}
