//! The attacks of an escaped guest, and their expected results.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use engine::files;
use engine::wall::{Program, Rules, launcher};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, sendmsg, sockopt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The variable that makes this program the stand-in, with its role as JSON.
const ROLE: &str = "ENGINE_TEST_ESCAPED_GUEST";

/// The targets of the stand-in.
#[derive(Serialize, Deserialize)]
struct Role {
    /// The rules of a run; none to try without a wall.
    rules: Option<Rules>,
    /// A folder that functions may write.
    granted: PathBuf,
    /// A file elsewhere.
    secret: PathBuf,
    /// A file elsewhere that is passed as a descriptor.
    passed: PathBuf,
    /// The component that runs.
    plugin: PathBuf,
    /// A listener of this machine.
    tcp: String,
    /// The same, without a network.
    socket: PathBuf,
    /// The same, for datagrams.
    datagrams: PathBuf,
    /// Another process of the same user.
    victim: i32,
}

pub(super) fn main() {
    engine::wall::note_inherited();
    if std::env::args().nth(1).as_deref() == Some(launcher::COMMAND) {
        return launcher::serve().expect("it serves the stand-in");
    }
    match std::env::var(ROLE) {
        Ok(role) => act(&serde_json::from_str(&role).expect("a role")),
        Err(_) => check(),
    }
}

/// Attacks. Prints the names of the attacks that succeeded, a line each.
fn act(role: &Role) {
    if let Some(rules) = &role.rules {
        let raised = engine::wall::raise(rules).expect("the wall can be raised");
        assert!(raised.missing.is_empty(), "this kernel lacks {:?}", raised.missing);
    }
    for (name, work) in WORK {
        assert!(work(role), "behind the wall a run can't {name}");
    }
    ATTACKS.iter().filter(|(_, attack)| attack(role)).for_each(|(name, _)| println!("{name}"));
}

/// Checks that attacks fail behind the wall of a run that grants a folder, and that without it they succeed: that
/// they fail shows something only if they could have succeeded.
fn check() {
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
    let missing = ATTACKS.iter().map(|(name, _)| *name).filter(|name| !without.iter().any(|did| did == name));
    let missing: Vec<_> = missing.filter(|name| !hard.contains(name)).collect();
    assert!(missing.is_empty(), "without a wall this should have succeeded: {missing:#?}");
    println!("test result: ok. 4 passed; 0 failed; {} attacks", ATTACKS.len());
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

/// The descriptor of a file that came with this process.
fn inherited(path: &Path) -> Option<i32> {
    let known = fs::metadata(path).ok()?;
    let is_it = |number: &i32| {
        let open = rustix::fs::fstat(own(*number));
        open.is_ok_and(|open| (open.st_dev, open.st_ino) == (known.dev(), known.ino()))
    };
    (3..64).find(is_it)
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

type Try = fn(&Role) -> bool;

/// What a run must still be able to do.
const WORK: &[(&str, Try)] = &[
    ("read what it was granted", |role| fs::read(role.granted.join("mine")).is_ok()),
    ("write what it was granted", |role| fs::write(role.granted.join("new"), "1").is_ok()),
    ("move and link files between folders of what it was granted", |role| {
        let [one, other] = ["one", "other"].map(|name| role.granted.join(name));
        let made = [&one, &other].iter().all(|folder| fs::create_dir(folder).is_ok());
        made && fs::write(one.join("file"), "1").is_ok()
            && fs::hard_link(one.join("file"), other.join("linked")).is_ok()
            && fs::rename(one.join("file"), other.join("moved")).is_ok()
    }),
    ("set the times of what it was granted", |role| {
        let now = std::time::SystemTime::now();
        File::open(role.granted.join("mine")).is_ok_and(|file| file.set_modified(now).is_ok())
    }),
    ("start threads", |_| {
        std::thread::Builder::new().spawn(|| 1).is_ok_and(|started| started.join().is_ok())
    }),
    ("read what it inherited and names", |role| {
        inherited(&role.passed).is_some_and(|number| fs::read(format!("/dev/fd/{number}")).is_ok())
    }),
    ("open pipes", |_| std::io::pipe().is_ok()),
    ("replace its checkpoint and remove it", |role| {
        let checkpoint = role.secret.with_file_name("checkpoint");
        let replaced = (0..3).all(|_| files::replace(&checkpoint, |file| file.write_all(b"12")).is_ok());
        replaced
            && fs::metadata(&checkpoint).is_ok_and(|known| known.len() == 2)
            && files::remove(&checkpoint).is_ok()
            && files::replace(&checkpoint, |file| file.write_all(b"1")).is_ok()
    }),
    ("begin a report and give it up", |role| {
        let report = role.secret.with_file_name("checkpoint");
        files::Draft::begin(&report).is_ok_and(|mut draft| draft.file().write_all(b"123").is_ok())
            && fs::metadata(&report).is_ok_and(|known| known.len() == 1)
    }),
    ("rotate its log", |role| {
        let log = role.secret.with_file_name("log");
        let write = |text: &str| {
            let opened = files::create(&log, files::Mode::Append, &|| false);
            opened.is_ok_and(|mut file| file.write_all(text.as_bytes()).is_ok())
        };
        let lengths = || {
            ["log", "log.1", "log.2", "log.3"]
                .map(|name| fs::metadata(role.secret.with_file_name(name)).map_or(0, |known| known.len()))
        };
        write("2") && files::rotate(&log, 2).is_ok() && write("345") && lengths() == [3, 2, 1, 0]
    }),
];

/// The attacks. Each is true if it succeeded.
const ATTACKS: &[(&str, Try)] = &[
    // Files.
    ("read a secret", |role| fs::read(&role.secret).is_ok()),
    ("read the passwords", |_| fs::read("/etc/shadow").is_ok()),
    ("read by way of /proc", |role| fs::read(under("/proc/self/root", &role.secret)).is_ok()),
    ("read by a link in a granted folder", |role| {
        let link = role.granted.join("link");
        symlink(&role.secret, &link).is_ok() && fs::read(link).is_ok()
    }),
    ("root a granted folder elsewhere", |role| {
        let link = role.granted.join("in");
        let outside = role.secret.parent().expect("it is in a folder");
        let _ = fs::rename(&link, role.granted.join("in-before"));
        symlink(outside, &link).is_ok() && fs::read_dir(link).is_ok()
    }),
    ("read a secret that the process inherited", |role| inherited(&role.secret).is_some()),
    ("list a folder", |role| fs::read_dir(role.secret.parent().expect("it is in a folder")).is_ok()),
    ("overwrite a file", |role| File::options().write(true).open(&role.secret).is_ok()),
    ("shorten a file", |role| call(libc::SYS_truncate, [text(&role.secret), 1, 0, 0, 0, 0])),
    ("make a file", |role| fs::write(role.secret.with_file_name("made"), "1").is_ok()),
    ("remove a file", |role| fs::remove_file(role.secret.with_file_name("spare")).is_ok()),
    ("move a file into a granted folder", |role| {
        fs::rename(role.secret.with_file_name("other"), role.granted.join("moved")).is_ok()
    }),
    ("link a file into a granted folder", |role| {
        fs::hard_link(&role.secret, role.granted.join("linked")).is_ok()
    }),
    ("move a file out of a granted folder", |role| {
        let mine = role.granted.join("to-move");
        fs::write(&mine, "1").is_ok() && fs::rename(mine, role.secret.with_file_name("moved")).is_ok()
    }),
    ("link a file out of a granted folder", |role| {
        let mine = role.granted.join("to-link");
        fs::write(&mine, "1").is_ok() && fs::hard_link(mine, role.secret.with_file_name("linked")).is_ok()
    }),
    ("change permissions", |role| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&role.secret, fs::Permissions::from_mode(0o666)).is_ok()
    }),
    ("change permissions by a descriptor", |role| {
        File::open(&role.plugin)
            .is_ok_and(|file| call(libc::SYS_fchmod, [file.as_raw_fd().into(), 0o666, 0, 0, 0, 0]))
    }),
    ("set the times of a file", |role| {
        call(libc::SYS_utimensat, [libc::AT_FDCWD.into(), text(&role.secret), 0, 0, 0, 0])
    }),
    ("set the times of a file by a descriptor of its name", |role| {
        let opened = calls(
            libc::SYS_openat,
            [libc::AT_FDCWD.into(), text(&role.secret), libc::O_PATH.into(), 0, 0, 0],
        );
        let empty = c"".as_ptr() as i64;
        opened >= 0 && call(libc::SYS_utimensat, [opened, empty, 0, libc::AT_EMPTY_PATH.into(), 0, 0])
    }),
    ("change the plugin", |role| File::options().write(true).open(&role.plugin).is_ok()),
    ("keep compiled code for others", |_| {
        engine::plugin::compile_cache().is_some_and(|cache| fs::write(cache.join("planted"), "1").is_ok())
    }),
    ("make a device", |role| {
        let path = role.granted.join("disk");
        call(
            libc::SYS_mknodat,
            [libc::AT_FDCWD as i64, text(&path), (libc::S_IFBLK | 0o600).into(), 0x100, 0, 0],
        )
    }),
    // The network.
    ("connect by TCP", |role| TcpStream::connect(&role.tcp).is_ok()),
    ("listen", |_| std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
    ("send by UDP", |role| {
        UdpSocket::bind("127.0.0.1:0").is_ok_and(|socket| socket.send_to(b"1", &role.tcp).is_ok())
    }),
    ("connect to a local socket", |role| UnixStream::connect(&role.socket).is_ok()),
    ("open a raw socket", |_| {
        call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), 1, 0, 0, 0])
    }),
    ("connect by another protocol", |role| {
        let socket = calls(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 262, 0, 0, 0]);
        let address = address_of(&role.tcp);
        socket >= 0 && call(libc::SYS_connect, [socket, address.as_ptr() as i64, 16, 0, 0, 0])
    }),
    ("connect while sending", |role| {
        let socket = calls(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0, 0, 0, 0]);
        let (address, flags) = (address_of(&role.tcp), libc::MSG_FASTOPEN.into());
        socket >= 0
            && call(libc::SYS_sendto, [socket, c"1".as_ptr() as i64, 1, flags, address.as_ptr() as i64, 16])
    }),
    ("send to a local socket", |role| {
        UnixDatagram::pair().is_ok_and(|(one, _)| one.send_to(b"1", &role.datagrams).is_ok())
    }),
    // Programs and processes.
    ("run a program", |_| Command::new("/bin/true").status().is_ok()),
    ("have a program started that was not named", |role| {
        let made = role.secret.with_file_name("by-the-launcher");
        let words = [word("touch"), word(made.to_str().expect("text"))];
        let program = json!({ "words": words, "folder": null, "environment": [] });
        let streams = ["Null", "Null", "Null"];
        let named = role.rules.as_ref().map_or(0, |rules| rules.programs.len());
        [json!(named), program]
            .iter()
            .any(|program| asked(&json!({ "Start": { "program": program, "streams": streams } })))
            || made.exists()
    }),
    ("have a file opened by way of a planted link", |role| {
        let output = role.granted.join("output");
        symlink(&role.secret, &output).is_ok() && acted(role, &output, &open())
    }),
    ("have a file opened by way of a link in the place of a draft", |role| {
        let checkpoint = role.granted.join("checkpoint");
        let begun = acted(role, &checkpoint, &json!({ "Draft": { "private": false } }));
        let names = fs::read_dir(&role.granted).expect("it was granted").flatten().map(|entry| entry.path());
        let is_draft = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.display().to_string().starts_with(".engine-"))
        };
        let draft = names.into_iter().find(is_draft);
        let planted = draft.is_some_and(|draft| {
            fs::remove_file(&draft).and_then(|()| symlink(&role.secret, &draft)).is_ok()
        });
        begun && planted && acted(role, &checkpoint, &json!("Commit")) && acted(role, &checkpoint, &open())
    }),
    ("have a file opened by way of a link in the place of a log", |role| {
        let log = role.granted.join("log");
        symlink(&role.secret, role.granted.join("planted")).is_ok()
            && fs::rename(role.granted.join("planted"), &log).is_ok()
            && acted(role, &log, &json!("Rotate"))
            && fs::rename(role.granted.join("log.1"), &log).is_ok()
            && acted(role, &log, &open())
    }),
    ("have a file replaced that is only opened", |role| {
        acted(role, &role.granted.join("output"), &json!({ "Draft": { "private": false } }))
    }),
    ("have a file removed that is only opened", |role| {
        acted(role, &role.granted.join("output"), &json!("Remove"))
    }),
    ("have a file rotated that is only replaced", |role| {
        acted(role, &role.secret.with_file_name("checkpoint"), &json!("Rotate"))
    }),
    ("have a file removed that only rotates", |role| {
        acted(role, &role.secret.with_file_name("log"), &json!("Remove"))
    }),
    ("have a program hold the launcher's socket", |role| {
        let sleeps = role.rules.as_ref().map_or(0, |rules| rules.programs.len() - 1);
        let start = json!({ "Start": { "program": sleeps, "streams": ["Piped", "Null", "Null"] } });
        let (line, its) = UnixStream::pair().expect("a line");
        let Some(socket) = launcher_socket() else { return false };
        let told = tell(&start, &[its.as_fd(), socket]);
        drop(its);
        // It is closed at once, or open as long as the program runs.
        let long = Some(std::time::Duration::from_secs(2));
        told && line.set_read_timeout(long).is_ok() && (&line).read(&mut [0]).is_err()
    }),
    ("have a program hold a socket that holds the launcher's", |role| {
        let sleeps = role.rules.as_ref().map_or(0, |rules| rules.programs.len() - 1);
        let Some(socket) = launcher_socket() else { return false };
        let streams = [["Piped", "Null", "Null"], ["Null", "Piped", "Null"], ["Null", "Null", "Piped"]];
        streams.iter().any(|streams| {
            let start = json!({ "Start": { "program": sleeps, "streams": streams } });
            let (one, holding) = UnixStream::pair().expect("sockets");
            let (line, its) = UnixStream::pair().expect("a line");
            // The line is held too, so that its end does not end the program.
            pass(&one, b"1", &[socket, line.as_fd()]);
            let told = tell(&start, &[its.as_fd(), holding.as_fd()]);
            drop((its, holding));
            let long = Some(std::time::Duration::from_secs(2));
            told && line.set_read_timeout(long).is_ok() && (&line).read(&mut [0]).is_err()
        })
    }),
    ("have many programs started", |role| {
        let sleeps = role.rules.as_ref().map_or(0, |rules| rules.programs.len() - 1);
        let start = json!({ "Start": { "program": sleeps, "streams": ["Null", "Null", "Null"] } });
        let lines: Vec<_> = (0..200).map(|_| ask(&start)).collect();
        let refused = |line: &UnixStream| {
            let _ = line.set_nonblocking(true);
            let mut reply = [0; 200];
            matches!((&mut &*line).read(&mut reply), Ok(1..))
        };
        // The launcher answers each refused message before it takes the next one.
        let last = asked(&json!({ "File": { "file": 99, "act": open() } }));
        last || lines.iter().flatten().filter(|line| !refused(line)).count() > 100
    }),
    ("have a signal sent by a pipe", |role| {
        std::io::pipe().is_ok_and(|(pipe, _)| {
            call(
                libc::SYS_fcntl,
                [pipe.as_raw_fd().into(), libc::F_SETOWN.into(), role.victim.into(), 0, 0, 0],
            )
        })
    }),
    ("have a file opened that was not named", |role| {
        let named = [json!(99), json!(-1), json!(role.secret), json!("../secret")];
        named.iter().any(|file| asked(&json!({ "File": { "file": file, "act": open() } })))
    }),
    ("have more allowed", |role| {
        let folder = File::open(&role.granted).expect("it was granted");
        let more = json!({ "File": { "name": word("../outside/secret"), "used": "Opened" } });
        let _ = tell(&more, &[folder.as_fd()]);
        asked(&json!({ "File": { "file": 5, "act": open() } }))
    }),
    ("fork", |_| forks(0)),
    ("fork in a namespace", |_| {
        call(libc::SYS_clone, [0x1000_0000 | i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0])
    }),
    ("trace another process", |role| {
        let seize = call(libc::SYS_ptrace, [0x4206, role.victim.into(), 0, 0, 0, 0]);
        // It goes on, if this was no attack but a try without a wall.
        let _ = call(libc::SYS_ptrace, [17, role.victim.into(), 0, 0, 0, 0]);
        seize
    }),
    ("read another process's memory", |role| File::open(format!("/proc/{}/mem", role.victim)).is_ok()),
    ("read another process's environment", |role| fs::read(format!("/proc/{}/environ", role.victim)).is_ok()),
    ("take another process's descriptors", |role| {
        call(libc::SYS_pidfd_open, [role.victim.into(), 0, 0, 0, 0, 0])
    }),
    ("signal another process", |role| call(libc::SYS_kill, [role.victim.into(), 0, 0, 0, 0, 0])),
    // The kernel.
    ("make a namespace", |_| call(libc::SYS_unshare, [libc::CLONE_NEWNS.into(), 0, 0, 0, 0, 0])),
    ("queue calls of the kernel", |_| {
        let room = [0_u8; 256];
        call(libc::SYS_io_uring_setup, [1, room.as_ptr() as i64, 0, 0, 0, 0])
    }),
    // The last, since it is no root any more.
    ("become another user", |_| call(libc::SYS_setuid, [65_534, 0, 0, 0, 0, 0])),
];

/// A path as another process's root has it.
fn under(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}

/// An address of IPv4 as the kernel takes it.
fn address_of(text: &str) -> [u8; 16] {
    let address: std::net::SocketAddrV4 = text.parse().expect("an address");
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&address.ip().octets());
    bytes
}

/// A path as the kernel takes it. It is never freed: this process ends soon.
fn text(path: &Path) -> i64 {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).expect("a path has no zero byte");
    path.into_raw() as i64
}

/// A word of a command, as a message has it.
fn word(text: &str) -> Value {
    json!({ "Unix": text.as_bytes() })
}

/// Whether the launcher does what a message asks for.
fn asked(message: &Value) -> bool {
    let Some(line) = ask(message) else { return false };
    let mut reply = String::new();
    let _ = (&line).read_to_string(&mut reply);
    reply.contains("Done") || reply.contains("Ended")
}

/// Whether the launcher does something with a file that the rules name.
fn acted(role: &Role, path: &Path, act: &Value) -> bool {
    let Some(Rules { creates, replaces, rotates, .. }) = &role.rules else { return false };
    let named: BTreeSet<&PathBuf> = creates.iter().chain(replaces).chain(rotates.keys()).collect();
    let file = named.into_iter().position(|named| named == path).expect("the rules name it");
    asked(&json!({ "File": { "file": file, "act": act } }))
}

fn open() -> Value {
    json!({ "Open": { "append": true } })
}

/// Sends a message to the launcher, and returns its connection; none without a launcher.
fn ask(message: &Value) -> Option<UnixStream> {
    let (line, its) = UnixStream::pair().expect("a line");
    tell(message, &[its.as_fd()]).then_some(line)
}

fn launcher_socket() -> Option<BorrowedFd<'static>> {
    (3..64).map(own).find(|socket| sockopt::socket_type(socket) == Ok(SocketType::SEQPACKET))
}

/// Sends a message and descriptors to the launcher, if there is one.
fn tell(message: &Value, with: &[BorrowedFd]) -> bool {
    let Some(socket) = launcher_socket() else { return false };
    pass(socket, message.to_string().as_bytes(), with);
    true
}

/// Sends bytes and descriptors through a socket.
fn pass(socket: impl AsFd, bytes: &[u8], with: &[BorrowedFd]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(with)));
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty());
    sent.expect("it is sent");
}

#[expect(unsafe_code, reason = "an attacker finds descriptors by their numbers")]
fn own(number: i32) -> BorrowedFd<'static> {
    // SAFETY: it is only looked at, and a number that is no descriptor is answered with an error.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Whether a process could be forked; the child ends at once.
fn forks(flags: i32) -> bool {
    let child = calls(libc::SYS_clone, [(flags | libc::SIGCHLD).into(), 0, 0, 0, 0, 0]);
    if child == 0 {
        calls(libc::SYS_exit_group, [0; 6]);
    }
    child > 0
}

/// Whether a call of the kernel did what it was asked to.
fn call(number: i64, arguments: [i64; 6]) -> bool {
    calls(number, arguments) >= 0
}

#[expect(unsafe_code, reason = "an attacker uses the kernel as it is")]
fn calls(number: i64, [a, b, c, d, e, f]: [i64; 6]) -> i64 {
    // SAFETY: the pointers among the arguments are of memory that lives on; nothing else of this process is
    // touched, and it ends soon.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}
