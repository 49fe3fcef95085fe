//! This side of the wall: what is asked of the launcher.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Command, ExitStatus};
use std::sync::OnceLock;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::message::{Reply, Request, Stdio, receive, send};
use crate::wall::{Program, Rules};

/// The launcher of this process. The wall is the process's, for good, and so is this.
static LAUNCHER: OnceLock<OwnedFd> = OnceLock::new();

/// Starts the launcher, and tells it what it may be asked for.
pub(in crate::wall) fn start(rules: &Rules) -> io::Result<()> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let (own, its) = pair;
    let mut command = Command::new(std::env::current_exe()?);
    // It ends with this process, by its stdin; signals from a terminal are not for it.
    command.arg(super::COMMAND).stdin(process::Stdio::from(its)).process_group(0).spawn()?;
    let files = rules.creates.iter().cloned().collect();
    send(&own, &Request::Allow { programs: rules.programs.clone(), files }, &[])?;
    LAUNCHER.set(own).map_err(|_| io::Error::other("there is one already"))
}

/// Whether this process has a launcher.
pub(crate) fn is_there() -> bool {
    LAUNCHER.get().is_some()
}

fn launcher() -> io::Result<&'static OwnedFd> {
    LAUNCHER.get().ok_or_else(|| io::Error::other("this process has no launcher"))
}

/// A program that the launcher started. When its socket is closed the program is killed.
pub(crate) struct Line {
    /// How it ended comes here.
    pub(crate) socket: UnixStream,
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
}

/// Starts a program, with these for its stdin, stdout and stderr.
pub(crate) fn launch(program: &Program, streams: [Stdio; 3]) -> io::Result<Line> {
    let (socket, its) = UnixStream::pair()?;
    let mut line = Line { socket, stdin: None, stdout: None, stderr: None };
    let mut theirs = vec![OwnedFd::from(its)];
    if streams[0] == Stdio::Piped {
        let (reader, writer) = io::pipe()?;
        theirs.push(reader.into());
        line.stdin = Some(writer);
    }
    // What is inherited is this process's now: a screen may have taken its stderr since the launcher began.
    let own: [fn() -> io::Result<OwnedFd>; 2] =
        [|| io::stdout().as_fd().try_clone_to_owned(), || io::stderr().as_fd().try_clone_to_owned()];
    let pipes = [&mut line.stdout, &mut line.stderr];
    for ((stream, own), pipe) in streams[1..].iter().zip(own).zip(pipes) {
        match stream {
            Stdio::Null => {}
            Stdio::Inherited => theirs.push(own()?),
            Stdio::Piped => {
                let (reader, writer) = io::pipe()?;
                theirs.push(writer.into());
                *pipe = Some(reader);
            }
        }
    }
    let given = streams.map(|stream| if stream == Stdio::Null { Stdio::Null } else { Stdio::Piped });
    let with: Vec<BorrowedFd> = theirs.iter().map(AsFd::as_fd).collect();
    send(launcher()?, &Request::Start { program: program.clone(), streams: given }, &with)?;
    Ok(line)
}

/// Opens a file for writing that the rules name, and makes it if it is not there.
pub(crate) fn create(path: &Path, append: bool) -> io::Result<File> {
    let (line, its) = UnixStream::pair()?;
    let path = std::path::absolute(path)?;
    send(launcher()?, &Request::Create { path, append }, &[its.as_fd()])?;
    drop(its);
    match receive(&line)? {
        Some((Reply::Opened, descriptors)) => {
            let opened = descriptors.into_iter().next().map(File::from);
            opened.ok_or_else(|| io::Error::other("the launcher sent no file"))
        }
        Some((Reply::Failed(code, text), _)) => Err(error(code, text)),
        _ => Err(gone()),
    }
}

/// How a program ended, from its line; it waits for that if the line does.
pub(crate) fn ended(line: impl AsFd) -> io::Result<ExitStatus> {
    match receive(line)? {
        Some((Reply::Ended(status), _)) => Ok(ExitStatus::from_raw(status)),
        Some((Reply::Failed(code, text), _)) => Err(error(code, text)),
        _ => Err(gone()),
    }
}

/// Kills a program with all that it started. How it ended still comes on its line.
pub(crate) fn kill(line: impl AsFd) {
    // One that has ended can't be killed, and need not be.
    let _ = rustix::net::shutdown(line, rustix::net::Shutdown::Write);
}

fn error(code: Option<i32>, text: String) -> io::Error {
    code.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the launcher is gone")
}
