//! The sink `process`: writes records to a command.

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

/// Starts a command, and writes each record to its standard input, followed by a newline. The first word is the program
/// and the others are its arguments, without a shell. What the command prints goes where this program's output goes.
///
/// The command starts when the first record comes, or at the end if none came. At the end its input is closed, and a
/// close returns when it has exited. While the command does not read, the source waits. What the command has done with
/// the records that it read is not known if it fails.
///
/// The run fails if the command exits with another code than 0 or before its input ends, or if it reads nothing or does
/// not exit within the [`timeout`](Process::timeout): then it is killed. If the run is cancelled, the command is killed
/// with everything that it started.
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
    /// Runs the command in this folder, instead of this program's.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = self.program.folder(Some(path.into()));
        self
    }

    /// Writes another byte after each record, instead of a newline.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// Limits how long the command may read nothing of what is written, and how long it may take to exit at the end. One
    /// hour each by default.
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
        // How the command ended says more. It may have exited with 0 since it had enough, as `head` does.
        running.ended_within(timeout).await?;
        let name = format!("to {}", self.process.program.name());
        Err(Error::Connector(ConnectorError::Output { name, source: Arc::new(error) }).into())
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
