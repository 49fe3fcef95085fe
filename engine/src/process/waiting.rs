//! A child process for threads that wait for it.

use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus};

#[cfg(unix)]
use super::outside::{self, Line};
use super::{Program, Stdio};

/// A child process that is killed and waited for when this is dropped.
pub(crate) struct WaitedFor {
    pub(crate) stdin: Option<Box<dyn Write + Send>>,
    pub(crate) stdout: Option<Box<dyn Read + Send>>,
    handle: ChildHandle,
}

/// How the child is waited for and killed.
enum ChildHandle {
    Own(Child),
    #[cfg(unix)]
    Outside(std::os::unix::net::UnixStream),
}

impl WaitedFor {
    /// Starts a program with pipes as its stdin and stdout, and no stderr.
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let streams = [Stdio::Piped, Stdio::Piped, Stdio::Null];
        #[cfg(unix)]
        if let Some(starter) = outside::starter() {
            let Line { socket, stdin, stdout, .. } = starter.start(program, streams)?;
            let stdin = stdin.map(|stdin| Box::new(stdin) as _);
            let stdout = stdout.map(|stdout| Box::new(stdout) as _);
            return Ok(Self { stdin, stdout, handle: ChildHandle::Outside(socket) });
        }
        let [stdin, stdout, stderr] = streams.map(Stdio::stdio);
        let mut child = program.command().stdin(stdin).stdout(stdout).stderr(stderr).spawn()?;
        let stdin = child.stdin.take().map(|stdin| Box::new(stdin) as _);
        let stdout = child.stdout.take().map(|stdout| Box::new(stdout) as _);
        Ok(Self { stdin, stdout, handle: ChildHandle::Own(child) })
    }

    /// Kills it unless it has ended, and waits until it is gone. Returns how it ended: one that was ending already ends
    /// as it would have.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        match &mut self.handle {
            ChildHandle::Own(child) => {
                // It may have exited before.
                let _ = child.kill();
                child.wait()
            }
            #[cfg(unix)]
            ChildHandle::Outside(line) => {
                outside::kill(&*line);
                outside::ended(&*line)?
            }
        }
    }
}

impl Drop for WaitedFor {
    fn drop(&mut self) {
        // If it was ended before, there is nothing to wait for.
        let _ = self.end();
    }
}
