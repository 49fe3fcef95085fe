//! A child process for tasks.

use std::io;
use std::process::ExitStatus;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Command;

#[cfg(unix)]
use super::outside::{self, Line};
use super::{Program, Stdio};

/// What is read from a child.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Sync + Unpin>;
/// What is written to a child.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// A child process with all that it starts. It is killed when it is dropped.
pub(crate) struct Child {
    pub(crate) stdin: Option<Writer>,
    pub(crate) stdout: Option<Reader>,
    pub(crate) stderr: Option<Reader>,
    kept: Kept,
}

enum Kept {
    Own(tokio::process::Child),
    #[cfg(unix)]
    Outside(tokio::net::UnixStream),
}

impl Child {
    /// Starts a program with these for its stdin, stdout and stderr.
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
            kept: Kept::Own(child),
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
            kept: Kept::Outside(tokio::net::UnixStream::from_std(line.socket)?),
        })
    }

    /// Waits until it has ended.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.kept {
            Kept::Own(child) => child.wait().await,
            #[cfg(unix)]
            Kept::Outside(line) => {
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

    /// Kills it with all that it started, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.kill_group();
        // One that has ended can't be killed, and need not be.
        let _ = self.wait().await;
    }

    /// The number of its process, unless it is outside or it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        match &self.kept {
            Kept::Own(child) => child.id(),
            #[cfg(unix)]
            Kept::Outside(_) => None,
        }
    }

    /// Kills it with all that it started, and does not wait for that.
    pub(crate) fn kill_group(&mut self) {
        match &mut self.kept {
            Kept::Own(child) => {
                #[cfg(unix)]
                if let Some(group) =
                    child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
                {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = child.start_kill();
            }
            #[cfg(unix)]
            Kept::Outside(line) => outside::kill(&*line),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
    }
}
