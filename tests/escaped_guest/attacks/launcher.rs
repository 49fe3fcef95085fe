//! Attacks on the launcher, which acts outside of the wall.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine::wall::{Rules, launcher};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair, sockopt,
};
use serde_json::{Value, json};

use crate::calls::own;
use crate::stand_in::{Role, Try};

/// What the launcher must do if it is asked in the words of the attacks: it refuses them for what they ask, not for how
/// they ask.
pub(crate) const CONTROLS: &[(&str, Try)] = &[
    ("start a program that was named", |role| asked(&start(sleeps(role) - 1, NO_STREAMS))),
    ("leave a program running that reads a pipe", |role| {
        let (pipe, _writer) = std::io::pipe().expect("a pipe");
        let (line, its) = UnixStream::pair().expect("a line");
        let told = tell(&start(sleeps(role), ["Piped", "Null", "Null"]), &[its.as_fd(), pipe.as_fd()]);
        drop(its);
        told && is_held(&line)
    }),
    ("open a file that was named", |role| {
        let output = role.granted.join("output");
        acted(role, &output, &open()) && fs::remove_file(output).is_ok()
    }),
    ("remove and replace a file that may be replaced", |role| {
        let checkpoint = role.secret.with_file_name("checkpoint");
        acted(role, &checkpoint, &json!("Remove"))
            && !checkpoint.exists()
            && acted(role, &checkpoint, &draft())
            && acted(role, &checkpoint, &json!("Commit"))
            && checkpoint.exists()
    }),
    ("rotate a file that may rotate", |role| {
        let log = role.secret.with_file_name("log");
        acted(role, &log, &json!("Rotate")) && !log.exists() && acted(role, &log, &open()) && log.exists()
    }),
];

/// Checks that a launcher which still listens for files allows one in the words of the attack "have more allowed".
pub(crate) fn check_setup() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (socket, its) = pair.expect("sockets");
    let mut launcher = Command::new(std::env::current_exe().expect("a path"));
    let mut launcher = launcher.arg(launcher::COMMAND).stdin(Stdio::from(its)).spawn().expect("it starts");
    let descriptor = File::open(&folder).expect("it is there");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(b"[]").expect("the pipe has room");
    drop(writer);
    assert!(tell(&more("named"), &[descriptor.as_fd()]) && tell(&json!("Programs"), &[reader.as_fd()]));
    assert!(asked(&json!({ "File": { "file": 0, "act": open() } })), "a file that was named is opened");
    assert!(folder.path().join("named").exists(), "it was opened in its folder");
    drop(socket);
    assert!(launcher.wait().expect("it ends").success());
}

/// Each is true if it succeeded. None does without a launcher.
pub(super) const ATTACKS: &[(&str, Try)] = &[
    ("have a program started that was not named", |role| {
        let made = role.secret.with_file_name("by-the-launcher");
        let words = [word("touch"), word(made.to_str().expect("text"))];
        let program = json!({ "words": words, "folder": null, "environment": [] });
        [json!(sleeps(role) + 1), program].into_iter().any(|program| asked(&start(program, NO_STREAMS)))
            || made.exists()
    }),
    ("have a file opened by way of a planted link", |role| {
        let output = role.granted.join("output");
        symlink(&role.secret, &output).is_ok() && acted(role, &output, &open())
    }),
    ("have a file opened by way of a link in the place of a draft", |role| {
        let checkpoint = role.granted.join("checkpoint");
        let begun = acted(role, &checkpoint, &draft());
        let names = fs::read_dir(&role.granted).expect("it was granted").flatten().map(|entry| entry.path());
        let is_draft = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.display().to_string().starts_with(".engine-"))
        };
        let draft = names.into_iter().find(is_draft);
        let planted = draft.is_some_and(|draft| {
            fs::remove_file(&draft).and_then(|()| symlink(&role.secret, &draft)).is_ok()
        });
        assert!(
            role.rules.is_none() || begun && planted,
            "the link does not get into the place of the draft"
        );
        planted && acted(role, &checkpoint, &json!("Commit")) && acted(role, &checkpoint, &open())
    }),
    ("have a file opened by way of a link in the place of a log", |role| {
        let log = role.granted.join("log");
        symlink(&role.secret, role.granted.join("planted")).expect("it was granted");
        fs::rename(role.granted.join("planted"), &log).expect("it was granted");
        acted(role, &log, &json!("Rotate"))
            && fs::rename(role.granted.join("log.1"), &log).is_ok()
            && acted(role, &log, &open())
    }),
    ("have a file replaced that is only opened", |role| acted(role, &role.granted.join("output"), &draft())),
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
        let start = start(sleeps(role), ["Piped", "Null", "Null"]);
        let (line, its) = UnixStream::pair().expect("a line");
        let Some(socket) = launcher_socket() else { return false };
        let told = tell(&start, &[its.as_fd(), socket]);
        drop(its);
        told && is_held(&line)
    }),
    ("have a program hold a socket that holds the launcher's", |role| {
        let Some(socket) = launcher_socket() else { return false };
        let streams = [["Piped", "Null", "Null"], ["Null", "Piped", "Null"], ["Null", "Null", "Piped"]];
        streams.into_iter().any(|streams| {
            let start = start(sleeps(role), streams);
            let (one, holding) = UnixStream::pair().expect("sockets");
            let (line, its) = UnixStream::pair().expect("a line");
            // The line is held too, so that its end does not end the program.
            pass(&one, b"1", &[socket, line.as_fd()]);
            let told = tell(&start, &[its.as_fd(), holding.as_fd()]);
            drop((its, holding));
            told && is_held(&line)
        })
    }),
    ("have many programs started", |role| {
        let start = start(sleeps(role), NO_STREAMS);
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
    ("have a file opened that was not named", |role| {
        let named = [json!(99), json!(-1), json!(role.secret), json!("../secret")];
        named.iter().any(|file| asked(&json!({ "File": { "file": file, "act": open() } })))
    }),
    ("have more allowed", |role| {
        let folder = File::open(&role.granted).expect("it was granted");
        ["../outside/secret", "more"].into_iter().any(|name| {
            let _ = tell(&more(name), &[folder.as_fd()]);
            asked(&json!({ "File": { "file": named(role).len(), "act": open() } }))
        })
    }),
];

const NO_STREAMS: [&str; 3] = ["Null"; 3];

/// A message that asks for a program.
fn start(program: impl Into<Value>, streams: [&str; 3]) -> Value {
    json!({ "Start": { "program": program.into(), "streams": streams } })
}

/// The place of `sleep` among the programs that the rules name, the last one. Before it comes `true`.
fn sleeps(role: &Role) -> usize {
    role.rules.as_ref().map_or(0, |rules| rules.programs.len() - 1)
}

/// Whether the other end of a line is still open after a while: it is closed at once, or once a program ends.
fn is_held(line: &UnixStream) -> bool {
    let long = Some(std::time::Duration::from_secs(2));
    line.set_read_timeout(long).is_ok() && (&*line).read(&mut [0]).is_err()
}

/// A message that allows one more file, in the folder that comes with it.
fn more(name: &str) -> Value {
    json!({ "File": { "name": word(name), "used": "Opened" } })
}

fn draft() -> Value {
    json!({ "Draft": { "private": false } })
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
    let named = named(role);
    let Some(file) = named.into_iter().position(|named| named == path) else {
        assert!(role.rules.is_none(), "the rules name it");
        return false;
    };
    asked(&json!({ "File": { "file": file, "act": act } }))
}

/// The files that the rules name, in the launcher's order.
fn named(role: &Role) -> BTreeSet<&PathBuf> {
    let rules = role.rules.iter();
    rules
        .flat_map(|Rules { creates, replaces, rotates, .. }| {
            creates.iter().chain(replaces).chain(rotates.keys())
        })
        .collect()
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
