//! NATS servers for tests, which may die and come back.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::machines::Machine;

/// Servers before this version are refused.
const OLDEST: (u64, u64) = (2, 11);

/// The longest wait for a killed server's port to be free, and for servers to find each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with JetStream, on a port of its choice.
pub(crate) struct NatsServer {
    program: PathBuf,
    machine: Machine,
    folder: TempDir,
    port: u16,
    /// None while it is dead.
    child: Option<Child>,
    /// Signals that a server of a cluster knows the leader.
    led: Receiver<()>,
}

impl NatsServer {
    /// Starts one. None, with a note, if there is no program; CI must have one.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with a configuration: accounts, limits, certificates. Where it listens and where it keeps its
    /// streams does not belong there.
    pub(crate) fn start_with(configuration: &str) -> Option<Self> {
        Self::start_on(&Machine::this(), configuration)
    }

    /// The same on another machine.
    pub(crate) fn start_on(machine: &Machine, configuration: &str) -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "there is no nats-server");
            println!("skipped: there is no nats-server that is new enough");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let mut server =
            Self { program, machine: machine.clone(), folder, port: 0, child: None, led: channel().1 };
        assert!(server.run(), "it starts");
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.machine.address, self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, with no time to write or send anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Suspends it: it sends nothing more, and its connections stay open.
    pub(crate) fn freeze(&self) {
        let id = self.child.as_ref().expect("it lives").id().to_string();
        let sent = Command::new("kill").args(["-STOP", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Restarts it on the same port, with its streams.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let begun = Instant::now();
        // A connecting client may hold the port for a moment.
        while !self.run() {
            assert!(begun.elapsed() < PATIENCE, "it does not start again");
        }
    }

    /// The same, but it has lost its data.
    pub(crate) fn restart_empty(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("jetstream")).unwrap();
        self.restart();
    }

    /// Starts it and waits until it is ready. False, if it ends before that.
    fn run(&mut self) -> bool {
        let mut command = Command::new(&self.program);
        command.args(["--jetstream", "--addr", &self.machine.address]);
        command.arg("--store_dir").arg(self.folder.path());
        command.args(["--port", &if self.port == 0 { "-1".into() } else { self.port.to_string() }]);
        command.arg("--config").arg(self.folder.path().join("nats.conf"));
        let mut command = self.machine.command(&command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
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
            return false;
        }
        let (led, is_led) = channel();
        self.led = is_led;
        // It would block if its log were not read.
        std::thread::spawn(move || {
            lines.filter(|line| line.contains("metadata leader")).try_for_each(|_| led.send(()))
        });
        self.port = port.expect("it tells where it listens");
        self.child = Some(child);
        true
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster of three servers, of which one may be lost.
pub(crate) struct NatsCluster([NatsServer; 3]);

impl NatsCluster {
    /// Their names.
    pub(crate) const NAMES: [&str; 3] = ["one", "two", "three"];

    /// Starts them, and waits until they have found each other. None if there is no program.
    pub(crate) fn start() -> Option<Self> {
        let listen = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
        let routes = listen.each_ref().map(|listen| format!("\"nats://{listen}\"")).join(", ");
        let start = |n: usize| {
            let cluster = format!("name: tests, listen: \"{}\", routes: [{routes}]", listen[n]);
            NatsServer::start_with(&format!("server_name: {}\ncluster {{ {cluster} }}", Self::NAMES[n]))
        };
        let servers = Self([start(0)?, start(1)?, start(2)?]);
        servers.0.iter().for_each(|server| server.led.recv_timeout(PATIENCE).expect("one of them leads"));
        Some(servers)
    }

    /// The address of each.
    pub(crate) fn urls(&self) -> [String; 3] {
        self.0.each_ref().map(NatsServer::url)
    }

    /// One of the three, by its name.
    pub(crate) fn server(&mut self, name: &str) -> &mut NatsServer {
        let index = Self::NAMES.iter().position(|known| *known == name).expect("it is one of the three");
        &mut self.0[index]
    }
}

/// A free port outside the system's ephemeral range.
fn free_port() -> u16 {
    std::iter::repeat_with(|| 10_000 + (RandomState::new().hash_one(()) % 20_000) as u16)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("there are many")
}

/// The server program: from the environment, installed, or fetched by `cargo xtask test`.
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
