//! A task that is in flight, and what comes back of it.

use std::sync::Arc;

use bytes::Bytes;

use crate::Error;
use crate::cluster::transport::Receipt;
use crate::error::ClusterError;
use crate::executor::{Segment, Work};
use crate::text::PlainText;

/// A task that is in flight.
pub(super) struct InFlightTask {
    pub(super) segment: Arc<Segment>,
    /// The segment's index among the run's.
    pub(super) index: u32,
    pub(super) work: Work,
    /// Why the last result was refused.
    pub(super) refusal: Option<Refusal>,
}

/// Why a result is refused.
pub(super) struct Refusal {
    /// The worker that it says it is from.
    pub(super) worker: PlainText,
    pub(super) reason: String,
}

impl InFlightTask {
    /// Why nothing comes of the task, for the run's error.
    pub(super) fn given_up(self) -> Error {
        match self.refusal {
            Some(Refusal { worker, reason }) => Error::Cluster(ClusterError::Worker {
                worker: worker.into(),
                reason: format!("it sent what is no result: {reason}"),
            }),
            None => Error::Cluster(ClusterError::NoResult { record: self.work.batch.number(0) }),
        }
    }
}

/// A result, all of whose parts are here.
pub(super) struct CompleteResult {
    pub(super) task: u64,
    pub(super) nonce: u64,
    pub(super) parts: Vec<Bytes>,
    pub(super) receipts: Vec<Arc<dyn Receipt>>,
    /// Bytes that the broker keeps until they are acknowledged.
    pub(super) held: usize,
}
