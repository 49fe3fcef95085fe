//! The source `process`: what a command prints.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::connectors::process::command::Running;
use crate::connectors::support::backoff::waits;
use crate::connectors::support::formats::splitter::{Cut, Splitter};
use crate::error::InputError;
use crate::graph::{Feed, next};
use crate::process::{Program, Stdio};
use crate::record::{LONGEST, Record};
use crate::{Error, Source};

/// The most bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// The longest line of stderr; longer ones are cut in pieces.
const STDERR_LINE: usize = 4 << 10;

/// Starts a command, and emits each line that it prints. The first word is the program and the others are its
/// arguments, without a shell. Its standard input is empty. Its stderr goes where this program's goes, unless
/// [`on_stderr`](Process::on_stderr) says otherwise.
///
/// The source ends when the command exits. If its exit code is not 0, the run fails after all lines were emitted, unless
/// the command is started again ([`retries`](Process::retries)). When the source is stopped, or the run fails, the command is killed with everything that it started. While the graph is
/// full, nothing is read, so the command waits when its pipe is full. A line has at most 32 MiB.
///
/// ```
/// # #[cfg(unix)]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// sources::process(["printf", "1\\n2\\n"]).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [1, 2]);
/// # Ok(()) }
/// # #[cfg(not(unix))] fn main() {}
/// ```
pub fn process<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Process {
    let program = Program::new(words.into_iter().map(Into::<String>::into));
    Process { program, separator: b'\n', retries: 0, restart: false, on_stderr: None }
}

/// See [`process`].
pub struct Process {
    program: Program,
    separator: u8,
    retries: usize,
    restart: bool,
    on_stderr: Option<OnStderr>,
}

type OnStderr = Arc<dyn Fn(String) + Send + Sync>;

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Process {
    /// Runs the command in this folder, instead of this program's.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = self.program.folder(Some(path.into()));
        self
    }

    /// Ends records at another byte, instead of a newline. Carriage returns are then kept.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// If the command fails, starts it again after 100 ms, 200 ms and so on up to 10 s, this many times without a line
    /// between. 0 by default. Its last line is emitted even if it failed in the middle of it.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// If `restart`, the command is started again after it exited with 0 too, which counts as one of the
    /// [`retries`](Self::retries). If there are none left, the source ends.
    #[must_use]
    pub fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Calls `told` with each line that the command prints on stderr, cut in pieces of 4 KiB.
    #[must_use]
    pub fn on_stderr(mut self, told: impl Fn(String) + Send + Sync + 'static) -> Self {
        self.on_stderr = Some(Arc::new(told));
        self
    }
}

impl Process {
    /// Runs the command once, and emits its lines. Returns whether there were any, and how it ended; none if the source
    /// was stopped.
    async fn run<T: Record>(
        &self,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<Option<(bool, Result<(), Error>)>, Error> {
        let stderr = if self.on_stderr.is_some() { Stdio::Piped } else { Stdio::Inherited };
        let mut running = match Running::start(&self.program, [Stdio::Null, Stdio::Piped, stderr]) {
            Ok(running) => running,
            Err(error) => return Ok(Some((false, Err(error)))),
        };
        let stderr = running.child.stderr.take().zip(self.on_stderr.clone());
        let reading = stderr.map(|(stderr, told)| tokio::spawn(read_stderr(stderr, told)));
        let Some(mut stdout) = running.child.stdout.take() else { return Ok(None) };
        let before = source.last_number();
        let fed = read(&mut stdout, self.separator, source, stop).await;
        let ended = match &fed {
            // The command may print nothing for long before it exits.
            Ok(()) => next(source, stop, running.ended()).await,
            Err(_) => Ok(None),
        };
        if !matches!(ended, Ok(Some(_))) {
            running.kill().await;
        }
        if let Some(mut reading) = reading {
            // Other processes may hold its stderr, and the callback may panic: a stop waits for neither.
            let _ = next(source, stop, &mut reading).await;
            reading.abort();
        }
        fed?;
        Ok(ended?.map(|ended| (source.last_number() > before, ended)))
    }
}

impl<T: Record> Feed<T> for Process {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let mut pauses = waits(self.retries);
        while let Some((any, ended)) = self.run(source, stop).await? {
            if any {
                pauses = waits(self.retries);
            }
            let wait = match &ended {
                Ok(()) if !self.restart => None,
                _ => pauses.next(),
            };
            let Some(wait) = wait else { return ended };
            if next(source, stop, tokio::time::sleep(wait)).await?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Emits the lines of a command's output until it ends.
async fn read<T: Record>(
    output: &mut (impl AsyncRead + Unpin),
    separator: u8,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let (mut splitter, mut block) = (Splitter::new(separator, LONGEST), vec![0; BLOCK]);
    loop {
        source.pause().await?;
        let Some(read) = next(source, stop, output.read(&mut block)).await? else { return Ok(()) };
        let record = source.last_number();
        let read =
            read.map_err(|error| Error::Input(InputError::Read { record, source: Arc::new(error) }))?;
        if read == 0 {
            break;
        }
        let Cut { records, too_long } = splitter.take(&mut &block[..read]);
        if let Some(records) = records {
            source.emit_batch(records).await?;
        }
        if too_long.is_some() {
            return Err(Error::Input(InputError::LongRecord {
                record: source.last_number() + 1,
                limit: LONGEST as u64,
            }));
        }
    }
    if let Some(last) = splitter.end() {
        source.emit_batch(last).await?;
    }
    source.pause().await
}

/// Calls `told` with each line of stderr.
async fn read_stderr(mut stderr: impl AsyncRead + Unpin, told: OnStderr) {
    let (mut line, mut block) = (Vec::new(), vec![0; STDERR_LINE]);
    while let Ok(read @ 1..) = stderr.read(&mut block).await {
        for part in block[..read].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") || line.len() >= STDERR_LINE {
                told(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        told(String::from_utf8_lossy(&line).into_owned());
    }
}
