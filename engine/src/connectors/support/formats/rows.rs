//! Reads formats in which single records may be invalid: on a thread, and an invalid record is a fault.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::blocks::BLOCK;
use super::counting::Counting;
use super::layout::Layout;
use super::pieces::emit_pieces;
use crate::error::InputError;
use crate::graph::{Feed, next};
use crate::record::{Batch, BatchBuilder, LONGEST, Record};
use crate::threads;
use crate::{Error, FaultPolicy, Source};

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

/// The file that a reader reads.
#[derive(Default)]
pub(crate) struct Origin {
    /// Its path, if it is a file.
    pub(crate) path: Option<PathBuf>,
    /// Set before the first bytes of another file, or of the same file from its start again, are returned.
    pub(crate) anew: Arc<AtomicBool>,
}

impl Origin {
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), anew: Arc::default() }
    }

    /// Adds the path and the line to the reason why a row is refused.
    fn locate(&self, reason: String, line: u64) -> String {
        match &self.path {
            Some(path) => format!("{reason} ({}, line {line})", path.display()),
            None => reason,
        }
    }
}

/// How the bytes of a format become records.
pub(crate) trait Rows: Send + 'static {
    /// The format's name in faults.
    const NAME: &'static str;

    /// Parses the next bytes. None means the end.
    ///
    /// # Errors
    ///
    /// Why nothing more can be read, or [`Stopped::Unwanted`].
    fn read(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped>;

    /// Ends the file, since the next bytes are of another one.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    fn begin_anew(&mut self, pieces: &mut Pieces) -> Result<(), Stopped>;
}

/// Why a thread reads no more.
pub(crate) enum Stopped {
    /// The source has ended.
    Unwanted,
    TooLong,
    /// The first row is not a valid header.
    Header(String),
    Failed(io::Error),
}

enum Piece {
    Records(Batch),
    /// Invalid input, why it is not a record, and its line.
    Refused(Vec<u8>, String, u64),
    Stopped(Stopped),
}

/// Records that were parsed and not handed over yet.
pub(crate) struct Pieces {
    records: BatchBuilder,
    sender: Sender<Piece>,
}

impl Pieces {
    /// Adds the record that `encode` appends.
    pub(crate) fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stopped> {
        self.records.push(self.records.len() as u64, encode);
        if self.records.bytes() >= BLOCK { self.hand_over() } else { Ok(()) }
    }

    /// Adds invalid input of this line, after the records before it.
    pub(crate) fn refuse(
        &mut self,
        bytes: &[u8],
        reason: impl Into<String>,
        line: u64,
    ) -> Result<(), Stopped> {
        self.hand_over()?;
        self.send(Piece::Refused(bytes.to_vec(), reason.into(), line))
    }

    fn hand_over(&mut self) -> Result<(), Stopped> {
        let records = std::mem::take(&mut self.records).build();
        if records.is_empty() { Ok(()) } else { self.send(Piece::Records(records)) }
    }

    fn send(&self, piece: Piece) -> Result<(), Stopped> {
        self.sender.blocking_send(piece).map_err(|_| Stopped::Unwanted)
    }
}

/// Reads until the end, or until the receiver is gone.
fn read(mut reader: impl Read, mut rows: impl Rows, mut pieces: Pieces, anew: &AtomicBool) {
    let mut block = vec![0; BLOCK];
    let stopped = loop {
        let read = match reader.read(&mut block) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(Stopped::Failed(error)),
        };
        let begun = if anew.swap(false, Relaxed) { rows.begin_anew(&mut pieces) } else { Ok(()) };
        // What was read is handed over before waiting for more.
        let taken = begun.and_then(|()| rows.read(&block[..read], &mut pieces));
        let taken = taken.and_then(|()| pieces.hand_over());
        if let Err(stopped) = taken {
            break Some(stopped);
        }
        if read == 0 {
            break None;
        }
    };
    if let Some(stopped) = stopped {
        // If the receiver is gone, nothing needs to be reported.
        let _ = pieces.hand_over().and_then(|()| pieces.send(Piece::Stopped(stopped)));
    }
}

/// Emits the records that `rows` finds in what `reader` returns.
pub(crate) async fn feed<T: Record, W: Rows>(
    reader: impl Read + Send + 'static,
    origin: &Origin,
    rows: W,
    policy: &FaultPolicy,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let (sender, mut coming) = channel(2);
    let pieces = Pieces { records: BatchBuilder::default(), sender };
    let anew = origin.anew.clone();
    threads::start("engine-source", move || read(reader, rows, pieces, &anew))?;
    let (mut piece, mut stopped) = (1, Box::pin(stop.clone().cancelled_owned()) as _);
    while let Some(came) = next_piece(&mut coming, source, stop).await? {
        match came {
            Piece::Records(batch) => {
                if emit_pieces(batch, source, &mut piece, &mut stopped).await? {
                    return Ok(());
                }
            }
            Piece::Refused(bytes, reason, line) => {
                source.refuse(&bytes, W::NAME, origin.locate(reason, line), policy).await?;
            }
            Piece::Stopped(stopped) => return stopped.into_result(source.last_number()),
        }
    }
    Ok(())
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
    fn into_result(self, record: u64) -> Result<(), Error> {
        Err(match self {
            Self::Unwanted => return Ok(()),
            Self::TooLong => {
                Error::Input(InputError::LongRecord { record: record + 1, limit: LONGEST as u64 })
            }
            Self::Header(reason) => Error::Input(InputError::Header { reason }),
            Self::Failed(error) => Error::Input(InputError::Read { record, source: Arc::new(error) }),
        })
    }
}
