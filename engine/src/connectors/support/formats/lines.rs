//! The source `lines`: records that each end with a newline or another separator.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::blocks::{After, Block, read};
use super::pieces::{emit_pieces, is_ready};
use super::rows::{Origin, too_long};
use crate::error::InputError;
use crate::graph::Feed;
use crate::progress::BoxFuture;
use crate::record::{Batch, BatchBuilder, LONGEST, Numbers, Record};
use crate::threads;
use crate::{Error, FaultPolicy, Source};

/// The longest line of a file of dead letters, in which each byte of a record takes at most six.
const LONGEST_DEAD_LETTER: usize = 7 * LONGEST;

/// Emits each line of a reader as a record, without its newline and a carriage return before it. A last line without a
/// newline counts, and so do empty lines.
///
/// A thread reads ahead by two blocks of 256 KiB. Lines are emitted as soon as they are read, even if the reader then
/// blocks. A line of more than 32 MiB is a fault (see [`Lines::on_fault`]), and the lines after it are read. If reading
/// fails, the run fails after the lines before were emitted.
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
    Lines {
        reader,
        separator: b'\n',
        decode: None,
        skip: 0,
        counted: false,
        origin: Origin::default(),
        policy: FaultPolicy::stop(),
        at: Box::new(|_| {}),
        stop: Box::pin(std::future::pending()),
    }
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
    origin: Origin,
    policy: FaultPolicy,
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

    /// The file that the reader reads, which faults name.
    pub(crate) fn of(mut self, origin: Origin) -> Self {
        self.origin = origin;
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

    /// Says what happens to a line that is longer than 32 MiB, or that is no dead letter if
    /// [those are read](crate::sources::dead_letters). By default the run ends. The fault's record is the line, or its
    /// first 32 MiB. Nothing can be read twice, so retries of `policy` are not used.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
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
    /// If reading fails, after the records before were emitted; a fault that [ends the run](Self::on_fault); and the
    /// errors of [`Source::emit`].
    pub async fn emit_into<T: Record>(self, source: &Source<T>) -> Result<(), Error> {
        let Self { reader, separator, decode, mut skip, counted, origin, policy, mut at, mut stop } = self;
        // A dead letter is longer than its record.
        let longest = if decode.is_some() { LONGEST_DEAD_LETTER } else { LONGEST };
        let (sender, mut blocks) = channel(2);
        threads::start("engine-source", move || read(reader, separator, longest, &sender))?;
        let (mut offset, mut piece) = (0, 1);
        let mut emitting =
            Emitting { before: source.last_number().saturating_sub(skip), source, origin, policy };
        loop {
            let block = next(&mut blocks, source, &mut stop).await?;
            let Some(Block { data, ends, before, size, after }) = block else { return Ok(()) };
            let mut lines = Batch::new(data, ends, Numbers::From(0));
            let skipped = usize::try_from(skip).map_or(lines.len(), |skip| skip.min(lines.len()));
            // Skipped records have numbers too, which an earlier run gave them.
            let record = (source.last_number() + 1).saturating_sub(skip);
            at(Mark { record, offset: offset + before });
            skip -= skipped as u64;
            lines = lines.split_off(skipped);
            offset += size;
            if !counted {
                source.context().read_bytes(size);
            }
            let stopped = match decode {
                Some(decode) => emitting.emit_decoded(&lines, decode, &mut piece, &mut stop).await?,
                None => emit_pieces(lines, source, &mut piece, &mut stop).await?,
            };
            if stopped {
                return Ok(());
            }
            match after {
                Some(After::Failed(error)) => {
                    let record = source.last_number();
                    return Err(Error::Input(InputError::Read { record, source: Arc::new(error) }));
                }
                Some(After::TooLong(_)) if skip > 0 => skip -= 1,
                Some(After::TooLong(beginning)) => {
                    let name = if decode.is_some() { "letters" } else { "lines" };
                    emitting.refuse(&beginning, name, too_long(longest)).await?;
                }
                None => {}
            }
        }
    }
}

/// Emits the lines of an input.
struct Emitting<'a, T> {
    source: &'a Source<T>,
    /// The number of the record before the input's first one.
    before: u64,
    origin: Origin,
    policy: FaultPolicy,
}

impl<T: Record> Emitting<'_, T> {
    async fn refuse(&mut self, line: &[u8], name: &str, reason: String) -> Result<(), Error> {
        let number = self.source.last_number() + 1 - self.before;
        self.source.refuse(line, name, self.origin.locate(&reason, number), &self.policy).await
    }

    /// Emits what lines contain. Returns whether it was stopped.
    async fn emit_decoded(
        &mut self,
        lines: &Batch,
        decode: Decode,
        piece: &mut usize,
        stop: &mut BoxFuture<'static, ()>,
    ) -> Result<bool, Error> {
        let (mut records, mut decoded) = (BatchBuilder::default(), Vec::new());
        for (_, line) in lines.iter() {
            decoded.clear();
            let read = decode(line, &mut decoded);
            let short = decoded.len() <= LONGEST;
            match read.and(if short { Ok(()) } else { Err(too_long(LONGEST)) }) {
                Ok(()) => records.push(0, |data| data.extend_from_slice(&decoded)),
                Err(reason) => {
                    let before = std::mem::take(&mut records).build();
                    if emit_pieces(before, self.source, piece, stop).await? {
                        return Ok(true);
                    }
                    let reason = format!("it is not a dead letter: {reason}");
                    self.refuse(line, "letters", reason).await?;
                }
            }
        }
        emit_pieces(records.build(), self.source, piece, stop).await
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
