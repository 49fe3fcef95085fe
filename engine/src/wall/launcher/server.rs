//! The other side of the wall: the process that starts what it was told before.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{self, Child};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::message::{Reply, Request, Stdio, receive, send};
use crate::files::{self, Mode};
use crate::wall::Program;

/// Serves the process at the other end of stdin, until it is gone.
///
/// # Errors
///
/// If stdin is no socket, or nothing sensible comes.
pub fn serve() -> io::Result<()> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let Some((Request::Allow { programs, files }, _)) = receive(&socket)? else {
        return Err(io::Error::other("the launcher serves a process that runs functions"));
    };
    let allowed = Allowed { programs, files };
    while let Some((request, descriptors)) = receive(&socket)? {
        let mut descriptors = descriptors.into_iter();
        let Some(line) = descriptors.next().map(UnixStream::from) else { continue };
        let reply = match request {
            Request::Start { program, streams } => match allowed.start(&program, streams, descriptors) {
                Ok(child) => watch(child, line.try_clone()?).err(),
                Err(error) => Some(error),
            },
            Request::Create { path, append } => match allowed.create(&path, append) {
                Ok(file) => send(&line, &Reply::Opened, &[file.as_fd()]).err(),
                Err(error) => Some(error),
            },
            Request::Allow { .. } => Some(refused("more than was said at first")),
        };
        if let Some(error) = reply {
            // The other end may be gone.
            let _ = send(&line, &Reply::Failed(error.raw_os_error(), error.to_string()), &[]);
        }
    }
    Ok(())
}

/// What may be asked for.
struct Allowed {
    programs: Vec<Program>,
    files: Vec<PathBuf>,
}

impl Allowed {
    fn start(
        &self,
        program: &Program,
        streams: [Stdio; 3],
        mut given: impl Iterator<Item = OwnedFd>,
    ) -> io::Result<Child> {
        if !self.programs.contains(program) {
            return Err(refused(&program.to_string()));
        }
        let mut stdio = |stream: Stdio, own: fn() -> io::Result<OwnedFd>| match stream {
            Stdio::Null => Ok(process::Stdio::null()),
            Stdio::Inherited => own().map(process::Stdio::from),
            Stdio::Piped => {
                given.next().map(process::Stdio::from).ok_or_else(|| refused("a pipe that is not there"))
            }
        };
        // Its own stdin is the socket, which no program may have.
        let [stdin, stdout, stderr] = streams;
        let mut command = program.command();
        command.stdin(stdio(stdin, || Err(refused("the launcher's stdin")))?);
        command.stdout(stdio(stdout, || io::stdout().as_fd().try_clone_to_owned())?);
        command.stderr(stdio(stderr, || io::stderr().as_fd().try_clone_to_owned())?);
        command.spawn()
    }

    fn create(&self, path: &PathBuf, append: bool) -> io::Result<File> {
        if !self.files.contains(path) {
            return Err(refused(&path.display().to_string()));
        }
        let mode = if append { Mode::ReadAndAppend } else { Mode::ReadAndKeep };
        files::create(path, mode, &|| false)
    }
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{what}: this was not named before the run"))
}

/// Tells on its line how a program ended, and kills it when the line is closed.
fn watch(child: Child, line: UnixStream) -> io::Result<()> {
    let Some(id) = Pid::from_raw(child.id().cast_signed()) else { return Ok(()) };
    // While it is locked the id is the program's own.
    let running = Arc::new(Mutex::new(Some(child)));
    let killed = running.clone();
    let mut closed = line.try_clone()?;
    thread::Builder::new().stack_size(64 << 10).spawn(move || {
        let _ = closed.read(&mut [0]);
        if killed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            let _ = kill_process_group(id, Signal::KILL);
        }
    })?;
    thread::Builder::new().stack_size(64 << 10).spawn(move || {
        let _ = waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let ended = running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reply = match ended.map(|mut child| child.wait()) {
            Some(Ok(status)) => Reply::Ended(status.into_raw()),
            Some(Err(error)) => Reply::Failed(error.raw_os_error(), error.to_string()),
            None => return,
        };
        let _ = send(&line, &reply, &[]);
        // The other thread ends too.
        let _ = line.shutdown(std::net::Shutdown::Both);
    })?;
    Ok(())
}
