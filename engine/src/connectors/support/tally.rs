//! What became of the records that a sink was given.

use std::sync::Arc;

use crate::fault::{Cause, Fault};
use crate::graph::Items;
use crate::progress::Counters;
use crate::record::{Batch, Record};
use crate::{Error, FaultPolicy};

/// Counts what a sink takes, and does with what it refuses what its policy says.
#[derive(Clone)]
pub(crate) struct Tally {
    /// What the sink is called.
    name: String,
    policy: FaultPolicy,
    counters: Arc<Counters>,
}

impl Tally {
    pub(crate) fn new(name: &str, policy: FaultPolicy, counters: Arc<Counters>) -> Self {
        Self { name: name.to_owned(), policy, counters }
    }

    /// Elements as bytes, unless they are too long for that, which is a fault.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn batch<T: Record>(&self, items: Items<T>) -> Result<Option<Batch>, Error> {
        items.into_batch(&self.name, &self.policy, &self.counters)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The sink took so many records, the last of which has this number.
    pub(crate) fn taken(&self, records: usize, last: u64) {
        self.counters.deliver(records, last);
    }

    /// Whether a record that failed for this cause is to be tried again, after the wait before that.
    pub(crate) async fn tries_again(&self, cause: &Cause, attempts: &mut u32) -> bool {
        let wait = self.policy.retry_after(*attempts).filter(|_| cause.is_retryable());
        let Some(wait) = wait else { return false };
        tokio::time::sleep(wait).await;
        *attempts += 1;
        true
    }

    /// A record is a fault.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn refused(
        &self,
        record: u64,
        cause: Cause,
        bytes: impl FnOnce() -> Arc<[u8]>,
        attempts: u32,
    ) -> Result<(), Error> {
        let fault = Fault { record, function: self.name.as_str().into(), cause };
        self.policy.settle(fault, bytes, attempts, &*self.counters)
    }
}
