//! Attacks on the launcher, which acts outside of the wall.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use engine::wall::Rules;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, sendmsg, sockopt};
use serde_json::{Value, json};

use crate::calls::own;
use crate::stand_in::{Role, Try};

/// Each is true if it succeeded.
pub(super) const ATTACKS: &[(&str, Try)] = &[
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
];

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
