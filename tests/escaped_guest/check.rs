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
use super::needs::NEEDS;
use super::stand_in::{ROLE, Role};

/// Checks that attacks fail behind the wall of a run and of a worker that grant a folder, and that they succeed without
/// it: a failure shows something only if the attack could have succeeded. Attacks on the launcher, which is there only
/// behind a wall, have their controls.
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
    let failed: Vec<_> = attacks::without_launcher()
        .map(|(name, _)| *name)
        .filter(|name| !without.iter().any(|did| did == name))
        .collect();
    let is_impossible = |name: &&str| NEEDS.iter().any(|(attack, is_there)| attack == name && !is_there());
    let (untried, missing): (Vec<_>, Vec<_>) = failed.into_iter().partition(is_impossible);
    assert!(missing.is_empty(), "without a wall this should have succeeded: {missing:#?}");
    untried.iter().for_each(|name| println!("skipped: on this machine nothing without a wall could {name}"));
    attacks::launcher::check_setup();
    println!("test result: ok. 5 passed; 0 failed; {} attacks", attacks::all().count());
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
    let compiled = cache_beside(&granted).join("engine/compiled");
    assert!(engine::plugin::private_folder(&compiled).is_some(), "the cache is private");
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
    let cache = cache_beside(&granted);
    let role = Role {
        rules: walled.map(with_targets),
        passed: outside.join("passed"),
        secret: outside.join("secret"),
        tcp: tcp.local_addr().expect("an address").to_string(),
        victim: victim.0.id().cast_signed(),
        compiled,
        granted,
        plugin,
        socket,
        datagrams,
    };
    let role = serde_json::to_string(&role).expect("JSON");
    let this = std::env::current_exe().expect("a path");
    let mut stand_in = Command::new(this);
    let output = stand_in.env(ROLE, role).env(CACHE, cache).output().expect("it starts");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}{errors}", output.status);
    said.lines().map(str::to_owned).collect()
}

/// The variable that says where programs keep caches.
const CACHE: &str = "XDG_CACHE_HOME";

/// The folder for caches beside a granted one.
fn cache_beside(granted: &Path) -> PathBuf {
    granted.with_file_name("cache")
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
    shown(run.env(CACHE, cache_beside(granted)))
}

/// The rules of a worker that grants a folder.
fn of_worker(granted: &Path) -> Rules {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_engine"));
    worker.args(["worker", "--wall", "show", "--cluster", "nats://127.0.0.1:4222", "--allow"]);
    worker.arg(format!("dir:{}", granted.display()));
    shown(worker.env(CACHE, cache_beside(granted)))
}

fn shown(show: &mut Command) -> Rules {
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
