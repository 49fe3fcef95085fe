//! A command, whose input is the output.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::Error;
use crate::connectors::process::command::Running;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::deadlines::{PROCESS, Timely};
use crate::error::ConnectorError;
use crate::graph::{Sink, Stream};
use crate::process::{self, Program, Stdio};
use crate::record::Record;

/// A sink that writes records to a command's standard input, each followed by a newline: its first word is the
/// program, the others are its arguments, and no shell has a part in it. What it prints goes where this program's
/// output goes.
///
/// It is started with the first record; at the end, if none came. At the end its input is closed, and it is waited
/// for. A command that does not end well, or ends before its input does, is an error, and so is one that reads nothing,
/// or does not end, within the [`timeout`](Process::timeout): then it is killed. If the run is given up it is killed,
/// together with what it started.
///
/// ```
/// # #[cfg(unix)]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::{Source, sinks};
///
/// let folder = tempfile::tempdir()?;
/// let source = Source::new();
/// source.stream().sink(sinks::process(["sort", "-n", "-o", "sorted"]).folder(folder.path()));
/// source.emit(2).await?;
/// source.emit(1).await?;
/// source.close().await?; // the command has ended
/// assert_eq!(std::fs::read_to_string(folder.path().join("sorted"))?, "1\n2\n");
/// # Ok(()) }
/// # #[cfg(not(unix))] fn main() {}
/// ```
pub fn process<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Process {
    let program = Program::new(words.into_iter().map(Into::<String>::into));
    Process { program, separator: b'\n', timeout: PROCESS.time }
}

/// See [`process`].
#[derive(Clone, Debug)]
pub struct Process {
    program: Program,
    separator: u8,
    timeout: Duration,
}

impl Process {
    /// The same; it runs in this folder.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = self.program.folder(Some(path.into()));
        self
    }

    /// The same with another byte after each record.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// The same; it may take so long until it reads anything of what is written, and at the end until it ends. An hour
    /// each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<T: Record> Sink<T> for Process {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(Writer { process: self, running: None }));
    }
}

/// The command, once it runs.
struct Writer {
    process: Process,
    running: Option<(Running, Input)>,
}

type Input = Timely<process::Writer>;

impl Writer {
    fn running(&mut self) -> Result<&mut (Running, Input), Error> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        Ok(self.running.insert(running))
    }

    fn start(&self) -> Result<(Running, Input), Error> {
        let streams = [Stdio::Piped, Stdio::Inherited, Stdio::Inherited];
        let mut running = Running::start(&self.process.program, streams)?;
        let stdin = running.child.stdin.take();
        let stdin = stdin.ok_or_else(|| running.failed(io::ErrorKind::BrokenPipe.into()))?;
        let deadline = PROCESS.of(self.process.timeout);
        Ok((running, Timely::new(stdin, self.process.program.name(), deadline)))
    }
}

impl Consumer<Records> for Writer {
    async fn take(&mut self, mut records: Records) -> Result<(), Refusal> {
        let Process { separator, timeout, .. } = self.process;
        let (running, stdin) = self.running()?;
        let Err(error) = stdin.write_all(&records.ended_by(separator)).await else { return Ok(()) };
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Err(running.failed(error).into());
        }
        // How it ended says more. One that ended well has what it wanted, as `head` does.
        running.ended_within(timeout).await?;
        Err(Error::Connector(ConnectorError::Output { source: Arc::new(error) }).into())
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.running()?;
        let Some((mut running, stdin)) = self.running.take() else { return Ok(()) };
        drop(stdin);
        running.ended_within(self.process.timeout).await
    }

    fn name(&self) -> &str {
        "process"
    }
}
