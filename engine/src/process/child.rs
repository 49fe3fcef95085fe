//! A child process for async tasks.

use std::io;
use std::process::ExitStatus;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Command;

#[cfg(unix)]
use super::outside::{self, Line};
use super::{Program, Stdio};

/// A child's stdout or stderr.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Sync + Unpin>;
/// A child's stdin.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// A child process with everything that it starts. It is killed when this is dropped.
pub(crate) struct Child {
    pub(crate) stdin: Option<Writer>,
    pub(crate) stdout: Option<Reader>,
    pub(crate) stderr: Option<Reader>,
    handle: ChildHandle,
}

/// How the child is waited for and killed.
enum ChildHandle {
    Own(tokio::process::Child),
    #[cfg(unix)]
    Outside(tokio::net::UnixStream),
}

impl Child {
    /// Starts a program with these streams as its stdin, stdout and stderr.
    pub(crate) fn start(program: &Program, streams: [Stdio; 3]) -> io::Result<Self> {
        #[cfg(unix)]
        if let Some(starter) = outside::starter() {
            return Self::outside(starter.start(program, streams)?);
        }
        let [stdin, stdout, stderr] = streams.map(Stdio::stdio);
        let mut command = Command::from(program.command());
        let mut child = command.stdin(stdin).stdout(stdout).stderr(stderr).kill_on_drop(true).spawn()?;
        Ok(Self {
            stdin: child.stdin.take().map(|stdin| Box::new(stdin) as _),
            stdout: child.stdout.take().map(|stdout| Box::new(stdout) as _),
            stderr: child.stderr.take().map(|stderr| Box::new(stderr) as _),
            handle: ChildHandle::Own(child),
        })
    }

    #[cfg(unix)]
    fn outside(mut line: Line) -> io::Result<Self> {
        line.socket.set_nonblocking(true)?;
        use tokio::net::unix::pipe::{Receiver, Sender};

        let reader =
            |pipe: io::PipeReader| Receiver::from_owned_fd(pipe.into()).map(|pipe| Box::new(pipe) as _);
        let writer =
            |pipe: io::PipeWriter| Sender::from_owned_fd(pipe.into()).map(|pipe| Box::new(pipe) as _);
        Ok(Self {
            stdin: line.stdin.take().map(writer).transpose()?,
            stdout: line.stdout.take().map(reader).transpose()?,
            stderr: line.stderr.take().map(reader).transpose()?,
            handle: ChildHandle::Outside(tokio::net::UnixStream::from_std(line.socket)?),
        })
    }

    /// Waits until it has exited.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.handle {
            ChildHandle::Own(child) => child.wait().await,
            #[cfg(unix)]
            ChildHandle::Outside(line) => {
                use tokio::io::Interest;

                loop {
                    line.readable().await?;
                    match line.try_io(Interest::READABLE, || outside::ended(&*line)) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        ended => return ended?,
                    }
                }
            }
        }
    }

    /// Kills it with everything that it started, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.kill_group();
        // A child that has exited need not be killed.
        let _ = self.wait().await;
    }

    /// Its process number, unless the launcher started it or it has exited.
    pub(crate) fn id(&self) -> Option<u32> {
        match &self.handle {
            ChildHandle::Own(child) => child.id(),
            #[cfg(unix)]
            ChildHandle::Outside(_) => None,
        }
    }

    /// Kills it with everything that it started. Does not wait for that.
    pub(crate) fn kill_group(&mut self) {
        match &mut self.handle {
            ChildHandle::Own(child) => {
                #[cfg(unix)]
                if let Some(group) =
                    child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
                {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = child.start_kill();
            }
            #[cfg(unix)]
            ChildHandle::Outside(line) => outside::kill(&*line),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
    }
}
