//! Records that are read one after another, each ended by a newline or another separator.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, End, read};
use super::pieces::{emit_pieces, is_there};
use crate::error::InputError;
use crate::graph::Feed;
use crate::progress::BoxFuture;
use crate::record::{Batch, BatchBuilder, LONGEST, Numbers, Record};
use crate::threads;
use crate::{Error, Source};

/// The longest line of a file of dead letters: each byte of a record takes six at most.
const LETTER: usize = 7 * LONGEST;

/// A source of the lines that `reader` gives: without their newline, and without a carriage return
/// before it. A last line without a newline counts, and so do empty lines.
///
/// Lines go on as soon as they are read; a reader that pauses holds back nothing.
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

/// Where a record begins, so that reading can begin there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The source's number of the record.
    pub record: u64,
    /// So many bytes of the reader come before it.
    pub offset: u64,
}

/// See [`lines`].
pub struct Lines<R> {
    reader: R,
    separator: u8,
    /// Appends the record that a line stands for.
    decode: Option<Decode>,
    skip: u64,
    /// The reader counts what is read of it.
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
    /// The same; `decode` appends the record that a line stands for.
    pub(crate) fn decoded_by(mut self, decode: Decode) -> Self {
        self.decode = Some(decode);
        self
    }

    /// The same of a reader that counts what is read of it.
    pub(crate) fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// The same with another byte that ends a record; carriage returns then stay.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// The same, but it reads no more once `stop` is ready. What was emitted by then is on its way.
    #[must_use]
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// The same without the first `records`.
    #[must_use]
    pub fn skipping(mut self, records: u64) -> Self {
        self.skip = records;
        self
    }

    /// The same; `at` is told where the next records begin, each time before some are emitted.
    #[must_use]
    pub fn marking(mut self, at: impl FnMut(Mark) + Send + 'static) -> Self {
        self.at = Box::new(at);
        self
    }

    /// Emits all that there is to read, and leaves `source` open.
    ///
    /// A thread of its own reads ahead by two blocks of 256 KiB.
    ///
    /// # Errors
    ///
    /// If reading fails or a record is longer than 32 MiB, after the records before were emitted;
    /// and the errors of [`Source::emit`].
    pub async fn emit_into<T: Record>(self, source: &Source<T>) -> Result<(), Error> {
        let Self { reader, separator, decode, mut skip, counted, mut at, mut stop } = self;
        // A letter is longer than its record.
        let longest = if decode.is_some() { LETTER } else { LONGEST };
        let (sender, mut blocks) = channel(2);
        threads::start("engine-source", move || read(reader, separator, longest, &sender))?;
        let (mut records, mut offset) = (source.last_number(), 0);
        let mut piece = 1;
        loop {
            let block = next(&mut blocks, source, &mut stop).await?;
            let Some(Block { data, ends, size, end }) = block else { return Ok(()) };
            let mut lines = Batch::new(data, ends, Numbers::From(0));
            let skipped = usize::try_from(skip).map_or(lines.len(), |skip| skip.min(lines.len()));
            // Records that are skipped have numbers too, which another run gave them.
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

/// The records that lines stand for, up to one that stands for none; `before` others came before them.
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

/// The next block. The graph is told to pause if it has to be waited for.
async fn next<T: Record>(
    blocks: &mut Receiver<Block>,
    source: &Source<T>,
    stop: &mut BoxFuture<'static, ()>,
) -> Result<Option<Block>, Error> {
    if is_there(stop).await {
        return Ok(None);
    }
    if let Ok(block) = blocks.try_recv() {
        return Ok(Some(block));
    }
    // A stop does not break off what sinks do now.
    source.pause().await?;
    tokio::select! {
        biased;
        () = stop => Ok(None),
        block = blocks.recv() => Ok(block),
        error = source.failure() => Err(error),
    }
}
