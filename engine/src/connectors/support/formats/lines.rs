//! The source `lines`: records that each end with a newline or another separator.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, End, read};
use super::pieces::{emit_pieces, is_ready};
use crate::error::InputError;
use crate::graph::Feed;
use crate::progress::BoxFuture;
use crate::record::{Batch, BatchBuilder, LONGEST, Numbers, Record};
use crate::threads;
use crate::{Error, Source};

/// The longest line of a file of dead letters, in which each byte of a record takes at most six.
const LONGEST_DEAD_LETTER: usize = 7 * LONGEST;

/// Emits each line of a reader as a record, without its newline and a carriage return before it. A last line without a
/// newline counts, and so do empty lines.
///
/// A thread reads ahead by two blocks of 256 KiB. Lines are emitted as soon as they are read, even if the reader then
/// blocks. A line has at most 32 MiB. If reading fails, the run fails after the lines before were emitted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::{Source, sinks, sources};
///
/// let source = Source::new();
/// let (sink, doubled) = sinks::list();
/// source.stream().map(|x: i64| x * 2).sink(sink);
/// sources::lines("1\n2\n".as_bytes()).emit_into(&source).await?;
/// source.close().await?;
/// assert_eq!(doubled.take(), [2, 4]);
/// # Ok(()) }
/// ```
pub fn lines<R: Read + Send + 'static>(reader: R) -> Lines<R> {
    let stop = Box::pin(std::future::pending());
    Lines { reader, separator: b'\n', decode: None, skip: 0, counted: false, at: Box::new(|_| {}), stop }
}

/// Where a record begins, so that a later run can begin to read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The record's number at the source.
    pub record: u64,
    /// The number of the reader's bytes before it.
    pub offset: u64,
}

/// See [`lines`].
pub struct Lines<R> {
    reader: R,
    separator: u8,
    /// Decodes a line and appends the record.
    decode: Option<Decode>,
    skip: u64,
    /// Whether the reader counts its bytes.
    counted: bool,
    at: Box<dyn FnMut(Mark) + Send>,
    stop: BoxFuture<'static, ()>,
}

type Decode = fn(&[u8], &mut Vec<u8>) -> Result<(), String>;

impl<R> std::fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("separator", &self.separator).finish_non_exhaustive()
    }
}

impl<R: Read + Send + 'static> Lines<R> {
    /// Decodes each line with `decode`, which appends the record.
    pub(crate) fn decoded_by(mut self, decode: Decode) -> Self {
        self.decode = Some(decode);
        self
    }

    /// Leaves the counting of bytes to the reader.
    pub(crate) fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// Ends records at another byte, instead of a newline. Carriage returns are then kept.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// Stops reading when `stop` is ready. Lines that were emitted before stay in the graph.
    #[must_use]
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// Skips the first `records` lines. They count for the numbers of later records.
    #[must_use]
    pub fn skipping(mut self, records: u64) -> Self {
        self.skip = records;
        self
    }

    /// Calls `at` with the place where the next records begin, each time before some are emitted.
    #[must_use]
    pub fn marking(mut self, at: impl FnMut(Mark) + Send + 'static) -> Self {
        self.at = Box::new(at);
        self
    }

    /// Reads to the end, and emits all records. Leaves `source` open.
    ///
    /// # Errors
    ///
    /// If reading fails or a record is longer than 32 MiB, after the records before were emitted;
    /// and the errors of [`Source::emit`].
    pub async fn emit_into<T: Record>(self, source: &Source<T>) -> Result<(), Error> {
        let Self { reader, separator, decode, mut skip, counted, mut at, mut stop } = self;
        // A dead letter is longer than its record.
        let longest = if decode.is_some() { LONGEST_DEAD_LETTER } else { LONGEST };
        let (sender, mut blocks) = channel(2);
        threads::start("engine-source", move || read(reader, separator, longest, &sender))?;
        let (mut records, mut offset) = (source.last_number(), 0);
        let mut piece = 1;
        loop {
            let block = next(&mut blocks, source, &mut stop).await?;
            let Some(Block { data, ends, size, end }) = block else { return Ok(()) };
            let mut lines = Batch::new(data, ends, Numbers::From(0));
            let skipped = usize::try_from(skip).map_or(lines.len(), |skip| skip.min(lines.len()));
            // Skipped records have numbers too, which an earlier run gave them.
            at(Mark { record: (records + 1).saturating_sub(skip), offset });
            skip -= skipped as u64;
            lines = lines.split_off(skipped);
            offset += size;
            if !counted {
                source.context().read_bytes(size);
            }
            let (batch, wrong) = match decode {
                Some(decode) => decoded(&lines, decode, records),
                None => (lines, None),
            };
            records += batch.len() as u64;
            if emit_pieces(batch, source, &mut piece, &mut stop).await? {
                return Ok(());
            }
            if let Some(error) = wrong {
                return Err(error);
            }
            match end {
                Some(End::Failed(error)) => {
                    return Err(Error::Input(InputError::Read { record: records, source: Arc::new(error) }));
                }
                Some(End::TooLong) => {
                    return Err(Error::Input(InputError::LongRecord {
                        record: records + 1,
                        limit: LONGEST as u64,
                    }));
                }
                None => {}
            }
        }
    }
}

impl<T: Record, R: Read + Send + 'static> Feed<T> for Lines<R> {
    async fn feed(mut self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let until = std::mem::replace(&mut self.stop, Box::pin(std::future::pending()));
        let stop = stop.clone().cancelled_owned();
        let either = async move {
            tokio::select! {
                () = until => {}
                () = stop => {}
            }
        };
        self.until(either).emit_into(source).await
    }
}

/// Decodes lines up to one that can't be decoded. `before` is the number of records before them.
fn decoded(lines: &Batch, decode: Decode, before: u64) -> (Batch, Option<Error>) {
    let (mut records, mut decoded) = (BatchBuilder::default(), Vec::new());
    for (record, (_, line)) in (before + 1..).zip(lines.iter()) {
        decoded.clear();
        let read = decode(line, &mut decoded);
        let short = decoded.len() <= LONGEST;
        if let Err(reason) = read.and(if short { Ok(()) } else { Err("its record is too long".to_owned()) }) {
            return (records.build(), Some(Error::Input(InputError::NotALetter { record, reason })));
        }
        records.push(record, |data| data.extend_from_slice(&decoded));
    }
    (records.build(), None)
}

/// The next block. If it is not there yet, the graph passes on what it holds first.
async fn next<T: Record>(
    blocks: &mut Receiver<Block>,
    source: &Source<T>,
    stop: &mut BoxFuture<'static, ()>,
) -> Result<Option<Block>, Error> {
    if is_ready(stop).await {
        return Ok(None);
    }
    if let Ok(block) = blocks.try_recv() {
        return Ok(Some(block));
    }
    // A stop does not cancel what sinks do now.
    source.pause().await?;
    tokio::select! {
        biased;
        () = stop => Ok(None),
        block = blocks.recv() => Ok(block),
        error = source.failure() => Err(error),
    }
}
