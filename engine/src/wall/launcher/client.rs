//! This side of the wall: what is asked of the launcher.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus};
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::message::{Act, Reply, Request, Setup, receive, send};
use super::named;
use super::outputs::refused;
use crate::files;
use crate::process::{Ended, Line, Program, Starter, Stdio, start_by};
use crate::wall::Rules;
use crate::wall::programs::Outside;

/// The launcher of this process, and what it may be asked for.
#[derive(Debug)]
struct Launcher {
    socket: OwnedFd,
    programs: Vec<Program>,
    files: HashMap<PathBuf, usize>,
}

/// Starts the launcher, and tells it what it may be asked for: from now on it starts programs, and opens files that
/// this process may not. The wall is the process's, for good, and so is this.
pub(in crate::wall) fn start(rules: &Rules, programs: &[Outside]) -> io::Result<()> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let (socket, its) = pair;
    let mut command = Command::new(std::env::current_exe()?);
    // It ends with this process, by its stdin; signals from a terminal are not for it.
    command.arg(super::COMMAND).stdin(process::Stdio::from(its)).process_group(0).spawn()?;
    let (mut files, mut waited) = (HashMap::new(), HashSet::new());
    for (number, (path, named)) in named::files(rules).into_iter().enumerate() {
        // The launcher of a run that was killed may still be at it.
        let known = rustix::fs::fstat(named.folder.descriptor())?;
        if waited.insert((known.st_dev, known.st_ino)) {
            let _ = named.folder.wait_until_replaced();
        }
        send(&socket, &Setup::File { name: named.name, used: named.used }, &[named.folder.descriptor()])?;
        files.insert(path, number);
    }
    let (reader, mut writer) = io::pipe()?;
    send(&socket, &Setup::Programs, &[reader.as_fd()])?;
    drop(reader);
    writer.write_all(&serde_json::to_vec(programs)?)?;
    let launcher = Arc::new(Launcher { socket, programs: rules.programs.clone(), files });
    start_by(launcher.clone());
    files::reach_by(Box::new(move |path| launcher.clone().file(path)));
    Ok(())
}

impl Launcher {
    fn file(self: Arc<Self>, path: &Path) -> Option<Arc<dyn files::Named>> {
        let file = *self.files.get(&std::path::absolute(path).ok()?)?;
        Some(Arc::new(NamedFile { launcher: self, file }))
    }
}

impl Starter for Launcher {
    fn start(&self, program: &Program, streams: [Stdio; 3]) -> io::Result<Line> {
        let number = self.programs.iter().position(|named| named == program);
        let number = number.ok_or_else(|| refused(&program.to_string()))?;
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
        send(&self.socket, &Request::Start { program: number, streams: given }, &with)?;
        Ok(line)
    }

    fn ended(&self, line: BorrowedFd) -> io::Result<Ended> {
        Ok(match receive(line)? {
            Some((Reply::Ended(status), _)) => Ok(ExitStatus::from_raw(status)),
            Some((Reply::Failed(code, text), _)) => Err(error(code, text)),
            _ => Err(gone()),
        })
    }
}

/// A file that the launcher reaches.
#[derive(Debug)]
struct NamedFile {
    launcher: Arc<Launcher>,
    file: usize,
}

impl NamedFile {
    fn ask(&self, act: Act) -> io::Result<Option<OwnedFd>> {
        let (line, its) = UnixStream::pair()?;
        send(&self.launcher.socket, &Request::File { file: self.file, act }, &[its.as_fd()])?;
        drop(its);
        match receive(&line)? {
            Some((Reply::Done, descriptors)) => Ok(descriptors.into_iter().next()),
            Some((Reply::Failed(code, text), _)) => Err(error(code, text)),
            _ => Err(gone()),
        }
    }

    fn opened(&self, act: Act) -> io::Result<File> {
        let opened = self.ask(act)?.map(File::from);
        opened.ok_or_else(|| io::Error::other("the launcher sent no file"))
    }
}

impl files::Named for NamedFile {
    fn open(&self, append: bool) -> io::Result<File> {
        self.opened(Act::Open { append })
    }

    fn draft(&self, private: bool) -> io::Result<File> {
        self.opened(Act::Draft { private })
    }

    fn commit(&self) -> io::Result<()> {
        self.ask(Act::Commit).map(drop)
    }

    fn discard(&self) {
        // If the launcher is gone, so is the draft.
        let _ = self.ask(Act::Discard);
    }

    fn remove(&self) -> io::Result<()> {
        self.ask(Act::Remove).map(drop)
    }

    fn rotate(&self) -> io::Result<()> {
        self.ask(Act::Rotate).map(drop)
    }
}

fn error(code: Option<i32>, text: String) -> io::Error {
    code.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the launcher is gone")
}
