//! The other side of the wall: the process that starts what it was told before.

use std::collections::HashMap;
use std::io::{self, BufReader, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Child};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::net::{SocketType, sockopt};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::message::{Reply, Request, Setup, receive, reply};
use super::named::Named;
use super::outputs::{Outputs, refused};
use super::peer::{Peer, is_own, is_plain};
use crate::files::Folder;
use crate::process::Stdio;
use crate::wall::programs::Outside;

/// Programs that run at once at most. No pipeline needs more, so a process that asks for more is refused.
const MOST: usize = 64;

/// Serves the process at the other end of stdin, until it is gone. What it has started then ends too.
///
/// # Errors
///
/// If stdin is no socket, or nothing sensible comes first.
pub fn serve() -> io::Result<()> {
    let peer = Arc::new(Peer::parent()?);
    let (files, programs) = named(&peer.socket)?;
    let mut allowed =
        Allowed { programs, outputs: Outputs::new(files, peer.clone()), running: Arc::default() };
    while peer.speaks() {
        match receive(&peer.socket) {
            Ok(None) => break,
            Ok(Some((request, descriptors))) => allowed.answer(request, descriptors),
            // It is no message; the socket is still there.
            Err(error) if error.kind() == io::ErrorKind::Other || error.raw_os_error().is_none() => {}
            Err(_) => break,
        }
    }
    let running = allowed.running.lock().unwrap_or_else(PoisonError::into_inner);
    running.values().for_each(|(id, _)| kill(*id));
    Ok(())
}

/// What the process may ask for. It is sent first.
fn named(socket: &OwnedFd) -> io::Result<(Vec<Named>, Vec<Outside>)> {
    let senseless = || io::Error::other("the launcher serves a process that runs functions");
    let mut files = Vec::new();
    loop {
        let (setup, with) = receive(socket).ok().flatten().ok_or_else(senseless)?;
        let with = with.into_iter().next().ok_or_else(senseless)?;
        match setup {
            Setup::File { name, used } => files.push(Named { folder: Folder::opened(with)?, name, used }),
            Setup::Programs => {
                let programs = serde_json::from_reader(BufReader::new(PipeReader::from(with)))?;
                return Ok((files, programs));
            }
        }
    }
}

fn kill(group: Pid) {
    // One that has ended can't be killed, and need not be.
    let _ = kill_process_group(group, Signal::KILL);
}

/// What may be asked for.
struct Allowed {
    programs: Vec<Outside>,
    outputs: Outputs,
    running: Running,
}

/// The programs that run, by their numbers. While the table is locked a number is the program's own.
type Running = Arc<Mutex<HashMap<u32, (Pid, Child)>>>;

impl Allowed {
    fn answer(&mut self, request: Request, descriptors: Vec<OwnedFd>) {
        // The other end of its own socket is no line.
        if descriptors.iter().any(|given| sockopt::socket_type(given) == Ok(SocketType::SEQPACKET)) {
            return;
        }
        let mut descriptors = descriptors.into_iter();
        let Some(line) = descriptors.next().map(UnixStream::from) else { return };
        let done = match request {
            Request::Start { program, streams } => {
                let started = self.start(program, streams, descriptors);
                started.and_then(|child| watch(child, &line, &self.running))
            }
            Request::File { file, act } => self.outputs.act(file, act).and_then(|opened| {
                let with: Vec<_> = opened.iter().map(AsFd::as_fd).collect();
                reply(&line, &Reply::Done, &with)
            }),
        };
        if let Err(error) = done {
            // The other end may be gone.
            let _ = reply(&line, &Reply::Failed(error.raw_os_error(), error.to_string()), &[]);
        }
    }

    fn start(
        &self,
        program: usize,
        streams: [Stdio; 3],
        mut given: impl Iterator<Item = OwnedFd>,
    ) -> io::Result<Child> {
        let program = self.programs.get(program).ok_or_else(|| refused("this program"))?;
        if self.running.lock().unwrap_or_else(PoisonError::into_inner).len() >= MOST {
            return Err(io::Error::other(format!("{MOST} programs run at once already")));
        }
        let mut stdio = |stream: Stdio, own: fn() -> io::Result<OwnedFd>| match stream {
            Stdio::Null => Ok(process::Stdio::null()),
            Stdio::Inherited => own().map(process::Stdio::from),
            Stdio::Piped => {
                let given = given.next().ok_or_else(|| refused("a pipe that is not there"))?;
                // A socket could hold descriptors, and what they are of would outlive the process.
                if is_plain(&given) || is_own(&given) {
                    Ok(process::Stdio::from(given))
                } else {
                    Err(refused("a stream that is no pipe, file or terminal"))
                }
            }
        };
        // Its own stdin is the socket, which no program may have.
        let [stdin, stdout, stderr] = streams;
        let mut command = program.command()?;
        command.stdin(stdio(stdin, || Err(refused("the launcher's stdin")))?);
        command.stdout(stdio(stdout, || io::stdout().as_fd().try_clone_to_owned())?);
        command.stderr(stdio(stderr, || io::stderr().as_fd().try_clone_to_owned())?);
        command.spawn()
    }
}

/// Tells on its line how a program ended, and kills it when the line is closed.
fn watch(mut child: Child, line: &UnixStream, running: &Running) -> io::Result<()> {
    let number = child.id();
    let lines = Pid::from_raw(number.cast_signed())
        .zip(line.try_clone().and_then(|one| Ok((one, line.try_clone()?))).ok());
    let Some((id, (mut closed, line))) = lines else {
        let _ = child.kill().and_then(|()| child.wait());
        return Err(io::Error::other("it can't be watched"));
    };
    running.lock().unwrap_or_else(PoisonError::into_inner).insert(number, (id, child));
    let (killed, ended) = (running.clone(), running.clone());
    let kills = move || {
        let _ = closed.read(&mut [0]);
        // Locked until it is killed: its number is not another's by then.
        let running = killed.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains_key(&number) {
            kill(id);
        }
    };
    let waits = move || {
        let _ = waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let child = ended.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        let ended = match child.map(|(_, mut child)| child.wait()) {
            Some(Ok(status)) => Reply::Ended(status.into_raw()),
            Some(Err(error)) => Reply::Failed(error.raw_os_error(), error.to_string()),
            None => return,
        };
        let _ = reply(&line, &ended, &[]);
        // The other thread ends too.
        let _ = line.shutdown(std::net::Shutdown::Both);
    };
    let threads = || thread::Builder::new().stack_size(64 << 10);
    let started = threads().spawn(kills).and_then(|_| threads().spawn(waits));
    if started.is_err() {
        kill(id);
    }
    started.map(drop)
}
