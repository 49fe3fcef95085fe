//! Where guests' words go: a sink's stdout is the run's output, all else is a message for people.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use bytesize::ByteSize;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::Error;
use crate::error::ConnectorError;
use crate::files::StandardOutput;
use crate::text::PlainText;

/// A run's output: a buffered writer that sinks share.
///
/// What is written is passed on when the buffer is full or the stream pauses, so that a line that
/// arrives alone is out at once, and many lines cost few calls.
#[derive(Clone)]
pub struct Output(Arc<Mutex<OutputState>>);

struct OutputState {
    /// What errors call it.
    name: String,
    writer: BufWriter<Box<dyn Write + Send>>,
    failed: Option<Arc<io::Error>>,
    /// In bytes.
    written: u64,
}

impl Output {
    /// An output that ends in `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let writer = BufWriter::with_capacity(128 << 10, Box::new(writer) as Box<dyn Write + Send>);
        let name = "the output".to_owned();
        Self(Arc::new(Mutex::new(OutputState { name, writer, failed: None, written: 0 })))
    }

    /// Gives it the name that errors call it by, such as its path.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.state().name = name.into();
        self
    }

    /// This process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(StandardOutput).named("stdout")
    }

    fn state(&self) -> MutexGuard<'_, OutputState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes were written so far, in the buffer or beyond it.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.state().written
    }

    /// How many bytes were written so far, and how many of them have left the buffer.
    pub(crate) fn offsets(&self) -> (u64, u64) {
        let state = self.state();
        (state.written, state.written - state.writer.buffer().len() as u64)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.attempt(|writer| writer.write_all(bytes))?;
        state.written += bytes.len() as u64;
        Ok(())
    }

    /// Whether all that was written so far could be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.state().attempt(|_| Ok(()))
    }

    /// Passes on what is in the buffer.
    ///
    /// # Errors
    ///
    /// If that, or an earlier write, is not possible.
    pub fn flush(&self) -> Result<(), Error> {
        self.state().attempt(Write::flush)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl OutputState {
    /// Does what `write` says unless an earlier attempt failed: half a record is never followed by another.
    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>,
    ) -> Result<(), Error> {
        if self.failed.is_none() {
            self.failed = write(&mut self.writer).err().map(Arc::new);
        }
        let Some(source) = self.failed.clone() else { return Ok(()) };
        Err(Error::Connector(ConnectorError::Output { name: self.name.clone(), source }))
    }
}

/// Something that a function wrote for people to read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Print {
    /// The function that wrote it.
    pub function: PlainText,
    /// One line.
    pub line: PlainText,
}

/// What the engine says begins with its own name and a colon: a function of that name, and one whose name may only
/// look like it, is distinguished from it.
impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, line } = self;
        let is_usual = function.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let is_own = is_usual && !function.eq_ignore_ascii_case("engine");
        write!(f, "{}{function}: {line}", if is_own { "" } else { "function " })
    }
}

/// Receives what functions print.
pub(crate) type OnPrint = Arc<dyn Fn(Print) + Send + Sync>;

/// A function's messages: cut into lines, cleaned, and bounded over the whole run.
pub(crate) struct Messages {
    function: String,
    on_print: OnPrint,
    /// How many bytes were written.
    written: AtomicUsize,
    /// How many of them may be shown.
    limit: usize,
}

impl Messages {
    /// `limit` is how many bytes may be shown in a run.
    pub(crate) fn new(function: &str, on_print: OnPrint, limit: usize) -> Arc<Self> {
        Arc::new(Self { function: function.to_owned(), on_print, written: 0.into(), limit })
    }

    pub(crate) fn written(&self) -> usize {
        self.written.load(Relaxed)
    }

    /// A line for people, however it came here.
    pub(crate) fn show(&self, line: &[u8]) {
        let size = line.len() + 1;
        let before = self.written.fetch_add(size, Relaxed);
        if before >= self.limit {
            return;
        }
        let mut line = String::from_utf8_lossy(line);
        if before + size >= self.limit {
            let limit = ByteSize(self.limit as u64);
            line.to_mut().push_str(&format!(" (it wrote more than {limit}: the rest is left out)"));
        }
        let print = Print { function: self.function.as_str().into(), line: line.into() };
        // The closure is the program's, and a guest's words must not end the host.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.on_print)(print)));
    }
}

/// The longest line of a message; longer ones are cut in pieces.
const LINE: usize = 4 << 10;

/// What one instance writes for people.
pub(crate) struct MessageStream {
    messages: Arc<Messages>,
    draft: Mutex<Draft>,
    /// Whether a line was begun.
    is_begun: AtomicBool,
}

impl MessageStream {
    pub(crate) fn new(messages: Arc<Messages>) -> Arc<Self> {
        Arc::new(Self { messages, draft: Mutex::default(), is_begun: false.into() })
    }

    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) {
        let mut draft = self.draft();
        draft.write(bytes, &self.messages);
        self.is_begun.store(!draft.line.is_empty(), Relaxed);
    }

    /// Shows the line that was begun, if there is one. It is called after each call, since there may be no other.
    pub(crate) fn end_line(&self) {
        if self.is_begun.load(Relaxed) {
            self.is_begun.store(false, Relaxed);
            let line = std::mem::take(&mut self.draft().line);
            self.messages.show(&line);
        }
    }

    /// The end of what was written, for the fault that may follow.
    pub(crate) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.draft().tail).trim().to_owned()
    }
}

impl Drop for MessageStream {
    fn drop(&mut self) {
        self.end_line();
    }
}

/// The line that is being written, and the end of all that was written.
#[derive(Default)]
struct Draft {
    line: Vec<u8>,
    tail: Vec<u8>,
}

impl Draft {
    const TAIL: usize = 400;

    fn write(&mut self, bytes: &[u8], messages: &Messages) {
        let tail = &bytes[bytes.len().saturating_sub(Self::TAIL)..];
        self.tail.drain(..(self.tail.len() + tail.len()).saturating_sub(Self::TAIL));
        self.tail.extend_from_slice(tail);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.ends_with(b"\n") {
                self.line.pop();
                messages.show(&self.line);
                self.line.clear();
            }
            while self.line.len() > LINE {
                messages.show(&self.line.drain(..LINE).collect::<Vec<_>>());
            }
        }
    }
}

/// The most bytes that a guest writes in a call.
const PERMIT: usize = 64 << 10;

/// A guest's stdout or stderr.
#[derive(Clone)]
pub(crate) enum GuestStream {
    /// The run's output.
    Output(Output),
    /// Messages for people.
    Messages(Arc<MessageStream>),
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 guests would come here, and the linker offers them nothing.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // Nothing interrupts a guest in a call of the host, so each call is short.
        if bytes.len() > PERMIT {
            return Err(StreamError::trap("it wrote more than the stream permits"));
        }
        match self {
            Self::Output(output) => output.write(&bytes).map_err(|_| StreamError::Closed),
            Self::Messages(stream) => {
                stream.write(&bytes);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}
