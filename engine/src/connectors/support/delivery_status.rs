//! Reports whether a sink has taken its records.

use std::sync::Arc;

use crate::fault::{Cause, Fault};
use crate::graph::Items;
use crate::progress::GraphContext;
use crate::record::{Batch, Record};
use crate::{Error, FaultPolicy};

/// Counts the records that a sink takes, and applies its policy to those that it refuses.
#[derive(Clone)]
pub(crate) struct DeliveryStatus {
    /// The sink's name.
    name: String,
    policy: FaultPolicy,
    context: Arc<GraphContext>,
}

impl DeliveryStatus {
    pub(crate) fn new(name: &str, policy: FaultPolicy, context: Arc<GraphContext>) -> Self {
        Self { name: name.to_owned(), policy, context }
    }

    /// Encodes elements as records. One that is too long is a fault.
    ///
    /// # Errors
    ///
    /// If a fault ends the run.
    pub(crate) fn batch<T: Record>(&self, items: Items<T>) -> Result<Option<Batch>, Error> {
        items.into_batch(&self.name, &self.policy, &self.context)
    }

    pub(crate) fn context(&self) -> &GraphContext {
        &self.context
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts records that the sink has taken, the last of which has this number.
    pub(crate) fn taken(&self, records: usize, last: u64) {
        self.context.deliver(records, last);
    }

    /// Some of the records that the sink has taken were not written, and the run fails.
    pub(crate) fn lost(&self, records: usize) {
        self.context.undeliver(records);
    }

    /// Whether to try a record again that failed for this cause. Waits first, if so.
    pub(crate) async fn tries_again(&self, cause: &Cause, attempts: &mut u32) -> bool {
        let wait = self.policy.retry_after(*attempts).filter(|_| cause.is_retryable());
        let Some(wait) = wait else { return false };
        tokio::time::sleep(wait).await;
        *attempts += 1;
        true
    }

    /// Applies the policy to a record that the sink has refused.
    ///
    /// # Errors
    ///
    /// If the fault ends the run.
    pub(crate) fn refused(
        &self,
        record: u64,
        cause: Cause,
        bytes: impl FnOnce() -> Arc<[u8]>,
        attempts: u32,
    ) -> Result<(), Error> {
        let fault = Fault::new(record, self.name.as_str(), cause);
        self.context.handle_fault(&self.policy, fault, bytes, attempts)
    }
}
