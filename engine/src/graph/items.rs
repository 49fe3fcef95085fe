//! What passes along an edge: elements as values, or still as the bytes of records.

use std::sync::Arc;

use bytesize::ByteSize;

use crate::fault::{Cause, Fault};
use crate::progress::GraphContext;
use crate::record::{Batch, LONGEST, Record};
use crate::text::PlainText;
use crate::{Error, FaultPolicy};

/// Consecutive elements, each with its source's number.
///
/// Records stay bytes until a node wants values: from a file through the pool to a file, no node does.
pub(crate) enum Items<T> {
    One(u64, T),
    Records(Records<T>),
}

/// Elements as bytes.
pub(crate) struct Records<T> {
    pub(crate) batch: Batch,
    decode: fn(&[u8]) -> Result<T, String>,
    /// The node that faults name if they can't be read.
    from: Arc<str>,
}

impl<T> IntoIterator for Items<T> {
    type Item = Result<(u64, T), Error>;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        match self {
            Self::One(number, value) => IntoIter::One(Some((number, value))),
            Self::Records(records) => IntoIter::Records(records, 0),
        }
    }
}

/// Elements one by one, each with its source's number; records are read as they come.
pub(crate) enum IntoIter<T> {
    One(Option<(u64, T)>),
    Records(Records<T>, usize),
}

impl<T> Iterator for IntoIter<T> {
    type Item = Result<(u64, T), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take().map(Ok),
            Self::Records(records, index) => {
                let next = (*index < records.batch.len()).then(|| records.read(*index));
                *index += 1;
                next
            }
        }
    }
}

impl<T> Records<T> {
    fn read(&self, index: usize) -> Result<(u64, T), Error> {
        let record = self.batch.number(index);
        match (self.decode)(self.batch.record(index)) {
            Ok(value) => Ok((record, value)),
            Err(message) => {
                let cause = Cause::Unreadable { message: PlainText::short(message) };
                Err(Error::Fault(Fault::new(record, &*self.from, cause)))
            }
        }
    }
}

impl<T> Items<T> {
    /// How many elements these are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Records(records) => records.batch.len(),
        }
    }
}

impl<T: Record> Items<T> {
    /// Elements as bytes, which `from` returned.
    pub(crate) fn records(batch: Batch, from: Arc<str>) -> Self {
        Self::Records(Records { batch, decode: T::decode, from })
    }

    /// The elements' bytes, for the node `function`. A value that is longer than records may be is a fault, with
    /// which `policy` does what it says; then there is nothing.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn into_batch(
        self,
        function: &str,
        policy: &FaultPolicy,
        context: &GraphContext,
    ) -> Result<Option<Batch>, Error> {
        let (record, value) = match self {
            Self::Records(Records { batch, .. }) => return Ok(Some(batch)),
            Self::One(record, value) => (record, value),
        };
        let mut data = Vec::with_capacity(32);
        value.encode(&mut data);
        if data.len() <= LONGEST {
            return Ok(Some(Batch::one(record, data)));
        }
        let message = format!("it is longer than {}", ByteSize(LONGEST as u64));
        let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
        let fault = Fault::new(record, function, cause);
        context.handle_fault(policy, fault, || data.into(), 1).map(|()| None)
    }
}
