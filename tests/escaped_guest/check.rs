//! The checks: which attacks succeed behind the wall of a run and of a worker, and without one.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use engine::wall::{Program, Rules};
use rustix::io::{FdFlags, fcntl_setfd};

use super::attacks;
use super::stand_in::{ROLE, Role};

/// Checks that attacks fail behind the wall of a run that grants a folder, and that without it they succeed: that
/// they fail shows something only if they could have succeeded.
pub(super) fn check() {
    for net in [None, Some("127.0.0.1:9")] {
        let behind = succeeded(Some(&|plugin, granted| of_run(plugin, granted, net)));
        assert!(behind.is_empty(), "an escaped guest could, with {net:?}: {behind:#?}");
    }
    let in_worker = succeeded(Some(&|_, granted| of_worker(granted)));
    // Servers of a cluster announce each other, with any name and port.
    let network = ["connect by TCP", "send by UDP"];
    let more: Vec<_> = in_worker.iter().filter(|name| !network.contains(&name.as_str())).collect();
    assert!(more.is_empty(), "an escaped guest of a worker could: {more:#?}");
    let without = succeeded(None);
    // Users without privileges can't do these anyway, nor can containers.
    let hard = [
        "read the passwords",
        "make a device",
        "open a raw socket",
        "fork in a namespace",
        "make a namespace",
        "become another user",
        "queue calls of the kernel",
        "trace another process",
        "keep compiled code for others",
        // There is a launcher only behind a wall.
        "have a program started that was not named",
        "have a file opened that was not named",
        "have more allowed",
        "have a file opened by way of a planted link",
        "have a file opened by way of a link in the place of a draft",
        "have a file opened by way of a link in the place of a log",
        "have a file replaced that is only opened",
        "have a file removed that is only opened",
        "have a file rotated that is only replaced",
        "have a file removed that only rotates",
        "have a program hold the launcher's socket",
        "have a program hold a socket that holds the launcher's",
        "have many programs started",
        // Not each kernel has them.
        "connect by another protocol",
        "connect while sending",
    ];
    let missing = attacks::all().map(|(name, _)| *name).filter(|name| !without.iter().any(|did| did == name));
    let missing: Vec<_> = missing.filter(|name| !hard.contains(name)).collect();
    assert!(missing.is_empty(), "without a wall this should have succeeded: {missing:#?}");
    println!("test result: ok. 4 passed; 0 failed; {} attacks", attacks::all().count());
}

/// A process that waits until it is killed.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The rules of a process that runs this plugin, and grants this folder.
type Walled<'a> = &'a dyn Fn(&Path, &Path) -> Rules;

/// The attacks that succeed behind a wall, or without one.
fn succeeded(walled: Option<Walled>) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (granted, outside) = (folder.path().join("granted"), folder.path().join("outside"));
    fs::create_dir_all(granted.join("in")).expect("a folder");
    fs::create_dir(&outside).expect("a folder");
    let plugin = folder.path().join("plugin.wasm");
    for file in [
        &plugin,
        &granted.join("mine"),
        &outside.join("secret"),
        &outside.join("spare"),
        &outside.join("other"),
        &outside.join("passed"),
        &outside.join("checkpoint"),
        &outside.join("log"),
        &outside.join("log.1"),
    ] {
        fs::write(file, "1").expect("a file");
    }
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let socket = outside.join("socket");
    let _local = UnixListener::bind(&socket).expect("a socket");
    let datagrams = outside.join("datagrams");
    let _log = UnixDatagram::bind(&datagrams).expect("a socket");
    let victim = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("sleep is there");
    let victim = Victim(victim);
    let left_open = [outside.join("secret"), outside.join("passed")].map(left_open);
    let with_targets = |rules: Walled| {
        let mut rules = with_targets(rules(&plugin, &granted), &plugin, &granted, &outside);
        rules.read(format!("/dev/fd/{}", left_open[1].as_raw_fd()));
        rules
    };
    let role = Role {
        rules: walled.map(with_targets),
        passed: outside.join("passed"),
        secret: outside.join("secret"),
        tcp: tcp.local_addr().expect("an address").to_string(),
        victim: victim.0.id().cast_signed(),
        granted,
        plugin,
        socket,
        datagrams,
    };
    let role = serde_json::to_string(&role).expect("JSON");
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this).env(ROLE, role).output().expect("it starts");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}{errors}", output.status);
    said.lines().map(str::to_owned).collect()
}

/// A file that is open, and stays so in programs that are started.
fn left_open(path: PathBuf) -> File {
    let file = File::open(path).expect("it is there");
    fcntl_setfd(&file, FdFlags::empty()).expect("it is open");
    file
}

/// The rules of a run that grants a folder, and perhaps a port.
fn of_run(plugin: &Path, granted: &Path, net: Option<&str>) -> Rules {
    let mut run = Command::new(env!("CARGO_BIN_EXE_engine"));
    run.args(["run", "--wall", "show", "--plugin"]).arg(plugin).arg("--allow");
    run.arg(format!("dir:{}", granted.display()));
    run.args(net.into_iter().flat_map(|net| ["--allow".to_owned(), format!("net:{net}")]));
    shown(run)
}

/// The rules of a worker that grants a folder.
fn of_worker(granted: &Path) -> Rules {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_engine"));
    worker.args(["worker", "--wall", "show", "--cluster", "nats://127.0.0.1:4222", "--allow"]);
    worker.arg(format!("dir:{}", granted.display()));
    shown(worker)
}

fn shown(mut show: Command) -> Rules {
    let shown = show.output().expect("it starts");
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    serde_json::from_slice(&shown.stdout).expect("rules")
}

/// The rules, with a launcher to be misused, the plugin's file, and files of the run's own in the granted folder and
/// elsewhere.
fn with_targets(mut rules: Rules, plugin: &Path, granted: &Path, outside: &Path) -> Rules {
    rules.read(plugin);
    rules.start(Program::new(["true"]));
    rules.start(Program::new(["sleep", "600"]));
    rules.create(granted.join("output"));
    rules.replace(granted.join("checkpoint"));
    rules.rotate(granted.join("log"), 1);
    rules.replace(outside.join("checkpoint"));
    rules.rotate(outside.join("log"), 2);
    rules
}
