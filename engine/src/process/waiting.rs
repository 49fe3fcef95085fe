//! A child process for a thread that waits for it.

use std::io::{self, Read, Write};
use std::process::Child;

use super::Stdio;
use crate::wall::Program;
#[cfg(unix)]
use crate::wall::launcher::{self, Line};

/// A child process that is killed, and waited for, when it is dropped.
pub(crate) struct WaitedFor {
    pub(crate) stdin: Option<Box<dyn Write + Send>>,
    pub(crate) stdout: Option<Box<dyn Read + Send>>,
    kept: Kept,
}

enum Kept {
    Own(Child),
    #[cfg(unix)]
    Launched(std::os::unix::net::UnixStream),
}

impl WaitedFor {
    /// Starts a program with pipes for its stdin and stdout, and without stderr.
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let streams = [Stdio::Piped, Stdio::Piped, Stdio::Null];
        #[cfg(unix)]
        if launcher::is_there() {
            let Line { socket, stdin, stdout, .. } = launcher::launch(program, streams)?;
            let stdin = stdin.map(|stdin| Box::new(stdin) as _);
            let stdout = stdout.map(|stdout| Box::new(stdout) as _);
            return Ok(Self { stdin, stdout, kept: Kept::Launched(socket) });
        }
        let [stdin, stdout, stderr] = streams.map(Stdio::stdio);
        let mut child = program.command().stdin(stdin).stdout(stdout).stderr(stderr).spawn()?;
        let stdin = child.stdin.take().map(|stdin| Box::new(stdin) as _);
        let stdout = child.stdout.take().map(|stdout| Box::new(stdout) as _);
        Ok(Self { stdin, stdout, kept: Kept::Own(child) })
    }
}

impl Drop for WaitedFor {
    fn drop(&mut self) {
        // It may have ended by itself.
        match &mut self.kept {
            Kept::Own(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            #[cfg(unix)]
            Kept::Launched(line) => {
                launcher::kill(&*line);
                let _ = launcher::ended(&*line);
            }
        }
    }
}
