//! What became of the records that a sink was given.

use std::sync::Arc;

use crate::fault::{Cause, Fault};
use crate::graph::Items;
use crate::progress::GraphContext;
use crate::record::{Batch, Record};
use crate::{Error, FaultPolicy};

/// Counts what a sink takes, and does with what it refuses what its policy says.
#[derive(Clone)]
pub(crate) struct DeliveryStatus {
    /// What the sink is called.
    name: String,
    policy: FaultPolicy,
    context: Arc<GraphContext>,
}

impl DeliveryStatus {
    pub(crate) fn new(name: &str, policy: FaultPolicy, context: Arc<GraphContext>) -> Self {
        Self { name: name.to_owned(), policy, context }
    }

    /// Elements as bytes, unless they are too long for that, which is a fault.
    ///
    /// # Errors
    ///
    /// If that ends the run.
    pub(crate) fn batch<T: Record>(&self, items: Items<T>) -> Result<Option<Batch>, Error> {
        items.into_batch(&self.name, &self.policy, &self.context)
    }

    pub(crate) fn context(&self) -> &GraphContext {
        &self.context
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The sink took so many records, the last of which has this number.
    pub(crate) fn taken(&self, records: usize, last: u64) {
        self.context.deliver(records, last);
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
        self.context.handle_fault(&self.policy, fault, bytes, attempts)
    }
}
