//! Records that are read one after another, each ended by a newline or another separator.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use crate::error::InputError;
use crate::graph::Feed;
use crate::progress::BoxFuture;
use crate::record::{Batch, BatchBuilder, LONGEST, Numbers, Record, positions};
use crate::threads;
use crate::{Error, Source};

/// The longest line of a file of dead letters: each byte of a record takes six at most.
const LETTER: usize = 7 * LONGEST;

/// How much is read at once.
pub(crate) const BLOCK: usize = 256 << 10;

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

/// Emits a block in pieces that take some milliseconds at most, as far as that can be foreseen, and
/// looks for `stop` between them. Returns whether it was there.
pub(in crate::connectors) async fn emit_pieces<T: Record>(
    mut batch: Batch,
    source: &Source<T>,
    piece: &mut usize,
    stop: &mut BoxFuture<'static, ()>,
) -> Result<bool, Error> {
    const SOON: Duration = Duration::from_millis(5);
    while !batch.is_empty() {
        let rest = batch.split_off(batch.len().min(*piece));
        let begun = Instant::now();
        source.emit_batch(batch).await?;
        *piece = if begun.elapsed() < SOON { (*piece * 2).min(1 << 20) } else { (*piece / 2).max(1) };
        batch = rest;
        if is_there(stop).await {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it is ready at once.
async fn is_there(stop: &mut BoxFuture<'static, ()>) -> bool {
    tokio::select! {
        biased;
        () = stop => true,
        () = std::future::ready(()) => false,
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

/// Whole records, as they cross into a sandbox, and why there are no more.
struct Block {
    data: Vec<u8>,
    ends: Vec<u32>,
    /// So many bytes of the reader.
    size: u64,
    end: Option<End>,
}

enum End {
    Failed(io::Error),
    TooLong,
}

/// Reads blocks until the end, or until nobody wants more.
fn read(mut reader: impl Read, separator: u8, longest: usize, blocks: &Sender<Block>) {
    let mut rest = Vec::new();
    loop {
        let (block, more) = read_block(&mut reader, separator, longest, &mut rest);
        let end = block.end.is_some();
        if blocks.blocking_send(block).is_err() || end || !more {
            return;
        }
    }
}

/// Reads once, or until there is a whole record. `rest` is what was read of the next one.
fn read_block(reader: &mut impl Read, separator: u8, longest: usize, rest: &mut Vec<u8>) -> (Block, bool) {
    let mut data = std::mem::take(rest);
    let mut end = None;
    let mut more = true;
    let mut added = 0;
    loop {
        let known = data.len();
        data.resize(known + BLOCK, 0);
        let read = reader.read(&mut data[known..]);
        data.truncate(known + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => {
                // The last record may lack its separator.
                if !data.is_empty() {
                    data.push(separator);
                    added = 1;
                }
                more = false;
                break;
            }
            Ok(_) => {
                if let Some(last) = memchr::memrchr(separator, &data[known..]) {
                    *rest = data.split_off(known + last + 1);
                    break;
                }
                if data.len() > longest {
                    end = Some(End::TooLong);
                    data.clear();
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                end = Some(End::Failed(error));
                data.clear();
                break;
            }
        }
    }
    let size = data.len() as u64 - added;
    (Block { ends: split(&mut data, separator), data, size, end }, more)
}

/// Where the records in `data` end. Carriage returns before newlines are taken out.
pub(crate) fn split(data: &mut Vec<u8>, separator: u8) -> Vec<u32> {
    if separator == b'\n' && memchr::memmem::find(data, b"\r\n").is_some() {
        remove_carriage_returns(data);
    }
    positions(data, separator)
}

fn remove_carriage_returns(data: &mut Vec<u8>) {
    let mut clean = Vec::with_capacity(data.len());
    let mut start = 0;
    for found in memchr::memmem::find_iter(data, b"\r\n") {
        clean.extend_from_slice(&data[start..found]);
        start = found + 1;
    }
    clean.extend_from_slice(&data[start..]);
    *data = clean;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces, as a pipe does.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.pop() else { return Ok(0) };
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn records(pieces: &[&[u8]], separator: u8) -> Vec<String> {
        // A piece without bytes would be the end of the input.
        let pieces =
            pieces.iter().rev().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
        let (mut reader, mut rest, mut found) = (Pieces(pieces), Vec::new(), Vec::new());
        loop {
            let (Block { data, ends, .. }, more) = read_block(&mut reader, separator, LONGEST, &mut rest);
            let mut start = 0;
            for end in ends {
                found.push(String::from_utf8(data[start..end as usize].to_vec()).unwrap());
                start = end as usize + 1;
            }
            if !more {
                return found;
            }
        }
    }

    #[test]
    fn lines_split_at_line_breaks() {
        assert_eq!(records(&[b"a\n\nb\r\nc"], b'\n'), ["a", "", "b", "c"]);
        assert_eq!(records(&[b"a\nb\n"], b'\n'), ["a", "b"]);
        assert_eq!(records(&[b"a\r", b"\nb\rc\n"], b'\n'), ["a", "b\rc"]);
        assert_eq!(records(&[b"a\nb\0c\r\n\0"], 0), ["a\nb", "c\r\n"]);
        assert!(records(&[], b'\n').is_empty());
    }

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_matter(lines in prop::collection::vec("[a-z]{0,5}", 0..20), cuts in prop::collection::vec(0usize..60, 0..5)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(records(&pieces, b'\n'), lines);
        }
    }
}
