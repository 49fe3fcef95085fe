//! Emits records as bytes, many together.

use super::Source;
use super::emit::Counting;
use crate::error::InputError;
use crate::fault::{Cause, Fault};
use crate::graph::Items;
use crate::record::{Batch, BatchBuilder, LONGEST, Record};
use crate::text::PlainText;
use crate::{Error, FaultPolicy};

/// How many bytes are emitted at once, unless a record is longer.
const PIECE: usize = 256 << 10;

impl<T: Record> Source<T> {
    /// Emits records as bytes, one after another as [`emit`](Self::emit) would. Nodes that take values read them as
    /// `T`; bytes that are not a `T` are a fault there.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Source, sinks};
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list::<i64>();
    /// source.stream().sink(sink);
    /// source.emit_records(["1", "2"]).await?;
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [1, 2]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If a record is longer than 32 MiB, after the ones before were emitted; and those of
    /// [`emit`](Self::emit).
    pub async fn emit_records<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<(), Error> {
        self.emit_pieces(records, |_, _, _| {}).await
    }

    /// The same; before some of the records go anywhere, `told` is given the number of the first of them, how many they
    /// are, and whether they are the last ones.
    pub(crate) async fn emit_pieces<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
        mut told: impl FnMut(u64, u64, bool),
    ) -> Result<(), Error> {
        let (batches, too_long) = batches(records);
        let mut left = batches.len();
        for batch in batches {
            left -= 1;
            let (records, is_last) = (batch.len() as u64, left == 0 && !too_long);
            self.emit_numbered(batch, |first| told(first, records, is_last)).await?;
        }
        self.pause().await?;
        let too_long = too_long.then(|| {
            Error::Input(InputError::LongRecord { record: self.last_number() + 1, limit: LONGEST as u64 })
        });
        too_long.map_or(Ok(()), Err)
    }

    /// Counts a record that `name` could not read: it takes a number as if it were emitted, and is a fault for
    /// `policy`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source, sinks};
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().sink(sink);
    /// source.emit(1).await?;
    /// source.refuse(b"?", "reader", "it is no number", &FaultPolicy::skip()).await?;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!((numbers.take(), source.last_number(), source.progress().counts().faults), (vec![1, 3], 3, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The fault, if it ends the run; and those of [`emit`](Self::emit).
    pub async fn refuse(
        &self,
        record: &[u8],
        name: &str,
        message: impl Into<String>,
        policy: &FaultPolicy,
    ) -> Result<(), Error> {
        let message = message.into();
        self.refuse_numbered(Refused { record, name, message: &message, policy }, |_| {}).await
    }

    /// The same; `told` is given the record's number before anything becomes of it.
    pub(crate) async fn refuse_numbered(
        &self,
        refused: Refused<'_>,
        told: impl FnOnce(u64),
    ) -> Result<(), Error> {
        let Refused { record, name, message, policy } = refused;
        let mut state = self.ready().await?;
        if self.context.resume_point.skip(1) > 0 {
            return Ok(());
        }
        let number = state.next;
        told(number);
        state.next += 1;
        let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
        let fault = Fault::new(number, name, cause);
        let handled = self.context.handle_fault(policy, fault, || record.into(), 1);
        self.context.emit(1);
        if handled.is_ok() {
            self.context.accepted();
        }
        state.note(handled)
    }

    /// Emits records that were read as bytes, numbered on from the last one.
    pub(crate) async fn emit_batch(&self, batch: Batch) -> Result<(), Error> {
        self.emit_numbered(batch, |_| {}).await
    }

    /// The same; `told` is given the number of the first one before it goes anywhere.
    pub(crate) async fn emit_numbered(&self, mut batch: Batch, told: impl FnOnce(u64)) -> Result<(), Error> {
        let mut state = self.ready().await?;
        let skipped = self.context.resume_point.skip(batch.len());
        if skipped > 0 {
            batch = batch.split_off(skipped);
            if batch.is_empty() {
                return Ok(());
            }
        }
        told(state.next);
        batch.number_from(state.next);
        let records = batch.len();
        state.next += records as u64;
        let counting = Counting::begin(&self.context, records);
        let sent = self.outlet.send(Items::records(batch, "source".into())).await;
        counting.end();
        if sent.is_ok() {
            self.context.accepted();
        }
        state.note(sent)
    }

    /// Tells the graph that nothing more is at hand for now.
    pub(crate) async fn pause(&self) -> Result<(), Error> {
        let mut state = self.ready().await?;
        let paused = self.outlet.pause().await;
        state.note(paused)
    }
}

/// A record that a source could not read.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// What was read of it.
    pub record: &'a [u8],
    /// The source's name in the fault.
    pub name: &'a str,
    /// Why it is not a record.
    pub message: &'a str,
    /// Decides what the fault means for the run.
    pub policy: &'a FaultPolicy,
}

/// Records in pieces of a size to emit, up to one that is too long; whether there was one.
fn batches<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> (Vec<Batch>, bool) {
    let (mut batches, mut batch) = (Vec::new(), BatchBuilder::default());
    let mut too_long = false;
    for (number, record) in (0..).zip(records) {
        let record = record.as_ref();
        too_long = record.len() > LONGEST;
        if too_long {
            break;
        }
        batch.push(number, |data| data.extend_from_slice(record));
        if batch.bytes() >= PIECE {
            batches.push(std::mem::take(&mut batch).build());
        }
    }
    if batch.len() > 0 {
        batches.push(batch.build());
    }
    (batches, too_long)
}
