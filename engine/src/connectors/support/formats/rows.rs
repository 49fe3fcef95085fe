//! Reads formats in which single records may be invalid: on a thread, and an invalid record is a fault.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::blocks::BLOCK;
use super::counting::Counting;
use super::layout::Layout;
use super::pieces::emit_pieces;
use crate::connectors::support::positions::{FilePosition, Tracker};
use crate::connectors::support::unreadable::naming;
use crate::error::InputError;
use crate::graph::{Feed, next};
use crate::record::{Batch, BatchBuilder, Record};
use crate::threads;
use crate::{Error, FaultPolicy, Source};

/// How many pieces are read ahead.
const AHEAD: usize = 2;

/// A source that reads a reader with a [`Layout`]. See [`csv`](crate::sources::csv) and [`ndjson`](crate::sources::ndjson).
#[derive(Debug)]
pub struct Reading<R> {
    reader: R,
    layout: Layout,
    policy: FaultPolicy,
}

impl<R> Reading<R> {
    pub(crate) fn new(reader: R, layout: Layout) -> Self {
        Self { reader, layout, policy: FaultPolicy::stop() }
    }

    /// Says what happens to input that is not a record of the layout. By default the run ends. Nothing can be read twice,
    /// so retries of `policy` are not used.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl<T: Record, R: Read + Send + 'static> Feed<T> for Reading<R> {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { reader, layout, policy } = self;
        let reader = Counting::new(reader, source.context().clone());
        layout.feed(reader, Origin::default(), &policy, source, stop).await
    }
}

/// The file that a reader reads, if it is one.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    path: Option<Arc<Path>>,
    /// Its lines are counted from where reading began.
    partly: bool,
}

impl Origin {
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: Some(path.into()), partly: false }
    }

    /// The same, whose lines are counted from where reading began, if it was read `partly`.
    pub(crate) fn partly(self, partly: bool) -> Self {
        Self { partly, ..self }
    }

    /// Adds the path and the line to the reason why a record is refused.
    pub(super) fn locate(&self, reason: &str, line: u64) -> String {
        let of_those = if self.partly { " of those read" } else { "" };
        match &self.path {
            Some(path) => format!("{reason} ({}, line {line}{of_those})", path.display()),
            None => reason.to_owned(),
        }
    }
}

/// Why a record of this length is refused.
pub(super) fn too_long(longest: usize) -> String {
    format!("it is longer than {}", ByteSize(longest as u64))
}

/// How the bytes of a format become records.
pub(crate) trait Rows: Send {
    /// Parses the next bytes. None means the end of the file.
    ///
    /// # Errors
    ///
    /// Why nothing more can be read, or [`Stopped::Unwanted`].
    fn read(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped>;

    /// The row that has begun and not ended.
    fn unfinished(&self) -> Unfinished;

    /// Continues to count the lines of a file after this many.
    fn continue_after(&mut self, lines: u64);

    /// Whether the first row, which names the columns, was not read yet.
    fn wants_header(&self) -> bool {
        false
    }
}

/// A row that has begun and not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// How many of its bytes were read.
    pub(crate) bytes: u64,
    /// The number of lines before it.
    pub(crate) lines: u64,
    /// Whether it was refused already, since it is too long.
    pub(crate) refused: bool,
}

/// Why a thread reads no more.
pub(crate) enum Stopped {
    /// The source has ended.
    Unwanted,
    /// The first row is not a valid header.
    Header(String),
    Failed(io::Error),
}

enum Piece {
    Records(Batch),
    /// Invalid input, and why it is not a record.
    Refused(Vec<u8>, String),
    /// All pieces before this one are what was read up to here.
    Position(FilePosition),
    /// It is known where reading begins in each file.
    Begun,
    /// There is no file at this path any more.
    Forgotten(PathBuf),
    /// The error is about this file.
    Stopped(Stopped, Origin),
}

/// Records that were parsed and not handed over yet.
pub(crate) struct Pieces {
    records: BatchBuilder,
    sender: Sender<Piece>,
    /// The file that is being read.
    pub(crate) origin: Origin,
    /// How many records are left out, since another run has emitted them.
    pub(crate) skip: u64,
}

impl Pieces {
    /// Adds the record that `encode` appends.
    pub(crate) fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stopped> {
        if self.skips() {
            return Ok(());
        }
        self.records.push(self.records.len() as u64, encode);
        if self.records.bytes() >= BLOCK { self.hand_over() } else { Ok(()) }
    }

    /// Adds invalid input of this line, after the records before it.
    pub(crate) fn refuse(&mut self, bytes: &[u8], reason: &str, line: u64) -> Result<(), Stopped> {
        if self.skips() {
            return Ok(());
        }
        self.hand_over()?;
        self.send(Piece::Refused(bytes.to_vec(), self.origin.locate(reason, line)))
    }

    /// Adds records that were split already.
    pub(crate) fn add_batch(&mut self, mut batch: Batch) -> Result<(), Stopped> {
        let skipped = usize::try_from(self.skip).map_or(batch.len(), |skip| skip.min(batch.len()));
        self.skip -= skipped as u64;
        let rest = batch.split_off(skipped);
        self.hand_over()?;
        if rest.is_empty() { Ok(()) } else { self.send(Piece::Records(rest)) }
    }

    /// Hands over everything, and notes that this is how far the file was read.
    pub(crate) fn note(&mut self, position: FilePosition) -> Result<(), Stopped> {
        self.hand_over()?;
        self.send(Piece::Position(position))
    }

    /// Notes that it is known where reading begins in each file. No positions are saved before.
    pub(crate) fn begun(&self) -> Result<(), Stopped> {
        self.send(Piece::Begun)
    }

    /// Notes that there is no file at a path any more.
    pub(crate) fn forget(&self, path: PathBuf) -> Result<(), Stopped> {
        self.send(Piece::Forgotten(path))
    }

    /// Hands over everything, and why no more is read of the file.
    pub(crate) fn stop(&mut self, stopped: Stopped) {
        let origin = self.origin.clone();
        // If the receiver is gone, nothing needs to be reported.
        let _ = self.hand_over().and_then(|()| self.send(Piece::Stopped(stopped, origin)));
    }

    /// Whether the next record is left out.
    fn skips(&mut self) -> bool {
        let skips = self.skip > 0;
        self.skip -= u64::from(skips);
        skips
    }

    pub(crate) fn hand_over(&mut self) -> Result<(), Stopped> {
        let records = std::mem::take(&mut self.records).build();
        if records.is_empty() { Ok(()) } else { self.send(Piece::Records(records)) }
    }

    fn send(&self, piece: Piece) -> Result<(), Stopped> {
        self.sender.blocking_send(piece).map_err(|_| Stopped::Unwanted)
    }
}

/// Reads until the end, or until the receiver is gone.
fn read(mut reader: impl Read, mut rows: Box<dyn Rows>, mut pieces: Pieces) {
    let mut block = vec![0; BLOCK];
    let stopped = loop {
        let read = match reader.read(&mut block) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(Stopped::Failed(error)),
        };
        // What was read is handed over before waiting for more.
        let taken = rows.read(&block[..read], &mut pieces).and_then(|()| pieces.hand_over());
        if let Err(stopped) = taken {
            break Some(stopped);
        }
        if read == 0 {
            break None;
        }
    };
    if let Some(stopped) = stopped {
        pieces.stop(stopped);
    }
}

/// Emits the records that `rows` finds in what `reader` returns.
pub(crate) async fn feed<T: Record>(
    reader: impl Read + Send + 'static,
    origin: Origin,
    layout: &Layout,
    policy: &FaultPolicy,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let rows = layout.rows();
    let reading = move |pieces: Pieces| read(reader, rows, Pieces { origin, ..pieces });
    let to = Receiving { name: layout.name(), policy, tracker: None };
    to.emit(reading, source, stop).await
}

/// What is done with pieces.
pub(crate) struct Receiving<'a> {
    /// The format's name in faults.
    pub(crate) name: &'static str,
    pub(crate) policy: &'a FaultPolicy,
    pub(crate) tracker: Option<&'a Tracker>,
}

impl Receiving<'_> {
    /// Emits what `reading`, which runs in a thread, makes of its input.
    pub(crate) async fn emit<T: Record>(
        self,
        reading: impl FnOnce(Pieces) + Send + 'static,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let (sender, mut coming) = channel(AHEAD);
        let pieces = Pieces { records: BatchBuilder::default(), sender, origin: Origin::default(), skip: 0 };
        threads::start("engine-source", move || reading(pieces))?;
        let (mut piece, mut stopped) = (1, Box::pin(stop.clone().cancelled_owned()) as _);
        while let Some(came) = next_piece(&mut coming, source, stop).await? {
            match came {
                Piece::Records(batch) => {
                    if emit_pieces(batch, source, &mut piece, &mut stopped).await? {
                        return Ok(());
                    }
                }
                Piece::Refused(bytes, reason) => {
                    source.refuse(&bytes, self.name, reason, self.policy).await?;
                }
                Piece::Position(position) => {
                    if let Some(tracker) = self.tracker {
                        tracker.note(source.last_number(), position);
                    }
                }
                Piece::Begun => self.tracker.into_iter().for_each(Tracker::begin),
                Piece::Forgotten(path) => {
                    if let Some(tracker) = self.tracker {
                        tracker.forget(source.last_number(), path);
                    }
                }
                Piece::Stopped(stopped, origin) => {
                    return stopped.into_result(source.last_number(), &origin);
                }
            }
        }
        Ok(())
    }
}

async fn next_piece<T: Record>(
    coming: &mut Receiver<Piece>,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<Option<Piece>, Error> {
    if let Ok(piece) = coming.try_recv() {
        return Ok(Some(piece).filter(|_| !stop.is_cancelled()));
    }
    source.pause().await?;
    Ok(next(source, stop, coming.recv()).await?.flatten())
}

impl Stopped {
    /// The result of the run, after `record` records.
    fn into_result(self, record: u64, origin: &Origin) -> Result<(), Error> {
        let error = match self {
            Self::Unwanted => return Ok(()),
            Self::Header(reason) => Error::Input(InputError::Header { reason }),
            Self::Failed(error) => Error::Input(InputError::Read { record, source: Arc::new(error) }),
        };
        Err(origin.path.as_ref().map_or(error.clone(), |path| naming(path, error)))
    }
}
