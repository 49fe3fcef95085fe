//! The sink `lines`: writes records to an output, each followed by a newline or another separator.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connectors::support::unwritten::Unwritten;
use crate::graph::{Handling, Items, Node, Sink, Stream};
use crate::plugin::Output;
use crate::progress::{GraphContext, Holding};
use crate::record::Record;
use crate::{Error, FaultPolicy};

/// Writes each record to an output, followed by a newline. What is buffered is written as soon as no more records are
/// ready, and at the end. Writing blocks the thread while the output does not accept more.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::plugin::Output;
/// use engine::{Source, sinks};
///
/// let file = tempfile::NamedTempFile::new()?;
/// let source = Source::new();
/// source.stream().sink(sinks::lines(&Output::new(file.reopen()?)));
/// source.emit(1).await?;
/// source.emit(2).await?;
/// source.close().await?;
/// assert_eq!(std::fs::read_to_string(file.path())?, "1\n2\n");
/// # Ok(()) }
/// ```
#[must_use]
pub fn lines(output: &Output) -> Lines {
    Lines { output: output.clone(), separator: b'\n' }
}

/// See [`lines`].
#[derive(Clone, Debug)]
pub struct Lines {
    output: Output,
    separator: u8,
}

impl Lines {
    /// Writes another byte after each record, instead of a newline.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }
}

impl<T: Record> Sink<T> for Lines {
    fn attach(self, stream: Stream<T>) {
        let (context, output) = (stream.context.clone(), self.output.clone());
        context.on_flush(move || Box::pin(ready(output.flush())));
        let unwritten = Mutex::default();
        stream.connect("lines", LinesNode { lines: self, context, unwritten });
    }
}

struct LinesNode {
    lines: Lines,
    context: Arc<GraphContext>,
    unwritten: Mutex<Unwritten>,
}

impl LinesNode {
    fn write<T: Record>(&self, items: Items<T>) -> Result<(), Error> {
        let batch = items.into_batch("lines", &FaultPolicy::stop(), &self.context)?;
        let Some(mut batch) = batch else { return Ok(()) };
        let Some(last) = batch.len().checked_sub(1) else { return Ok(()) };
        let last = batch.number(last);
        let (records, output) = (batch.len(), &self.lines.output);
        self.checked(output.write(&batch.separated(self.lines.separator)))?;
        self.context.deliver(records, last);
        let (end, written) = output.offsets();
        self.unwritten().add(end, records, written);
        Ok(())
    }

    /// If writing failed, what is still in the buffer was not delivered.
    fn checked(&self, written: Result<(), Error>) -> Result<(), Error> {
        if written.is_err() {
            let mut unwritten = std::mem::take(&mut *self.unwritten());
            unwritten.settle(self.lines.output.offsets().1);
            self.context.undeliver(unwritten.records());
        }
        written
    }

    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Record> Node<T> for LinesNode {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::Done(self.write(items))
    }

    fn pause(&self) -> Handling<'_> {
        Handling::Done(self.checked(self.lines.output.flush()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::Done(self.checked(self.lines.output.flush()))
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
