//! Calls of functions on the instances of a pool.

use std::sync::Arc;
use std::time::Duration;

use super::instances::Held;
use super::shared::PoolShared;
use crate::Error;
use crate::error::{FunctionError, SystemError};
use crate::plugin::{FunctionCore, Instance, OpenError, Outcome, Trouble, Waiting};
use crate::record::Batch;

/// A call of several records may take this long; if it does not end, they are run one by one.
const BUDGET: Duration = Duration::from_millis(100);

/// How often a record is tried again when it may be other records' memory that it failed for.
pub(super) const MEMORY_TRIES: usize = 16;

/// Why a call gave no outcome.
pub(crate) enum CallError {
    /// The guest failed on these records.
    Trouble(Box<Trouble>),
    /// No instance could be opened.
    Open(Error),
}

impl PoolShared {
    /// Opens the first instance of a function, and keeps it for the first record.
    pub(super) async fn prepare(self: Arc<Self>, core: Arc<FunctionCore>) -> Result<(), Error> {
        let held = self.acquire(&core, false).await?;
        self.instances.give_back(held);
        Ok(())
    }

    async fn acquire(&self, core: &FunctionCore, fresh: bool) -> Result<Held, Error> {
        let acquired = self.instances.acquire(core, fresh, &self.hosting).await;
        let held = acquired.map_err(|error| open_error(core, error))?;
        core.usage.open(held.instance.memory());
        Ok(held)
    }

    /// An instance of its own for a node that keeps it, as sinks do. It does not count as one of
    /// those that come and go, or a chain before it could wait for it forever.
    pub(crate) async fn open(
        &self,
        core: &FunctionCore,
        state: Option<&[u8]>,
    ) -> Result<Box<Instance>, Error> {
        let opened = self.instances.keep(core, state, &self.hosting).await;
        let instance = opened.map_err(|error| open_error(core, error))?;
        core.usage.open(instance.memory());
        Ok(instance)
    }

    /// Gives a function records, on an instance at rest or a new one. A single record has the
    /// function's full time limit, several have a budget.
    pub(crate) async fn call(
        &self,
        core: &FunctionCore,
        batch: &Batch,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        self.call_on(core, batch, false, waiting).await
    }

    /// The same; if it is to be `fresh`, on an instance that has made no call before.
    async fn call_on(
        &self,
        core: &FunctionCore,
        batch: &Batch,
        fresh: bool,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        let Held { instance, seat } = self.acquire(core, fresh).await.map_err(CallError::Open)?;
        let limit = budget(core, batch.len());
        match instance.process(batch, None, limit, waiting).await {
            Ok((instance, outcome)) => {
                core.note_outcome(&instance, &outcome);
                if let Some(why) = instance.worn() {
                    core.usage.retire(why);
                } else {
                    self.instances.give_back(Held { instance, seat });
                }
                Ok(outcome)
            }
            Err(trouble) => {
                core.note_trouble(batch, &trouble);
                Err(CallError::Trouble(trouble))
            }
        }
    }

    /// Instances at rest leave, so that others have their memory.
    pub(super) fn make_room(&self) {
        self.instances.shrink();
    }

    /// Gives a function one record, and gives up only when it is sure that the record is to blame:
    /// memory may have been filled by earlier records, or be held by other instances.
    pub(crate) async fn call_alone(
        &self,
        core: &FunctionCore,
        record: &Batch,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        let mut fresh = false;
        // One that has effects is given its record once, whatever it was that failed.
        let tries = if core.has_effects() { 0 } else { MEMORY_TRIES };
        for _ in 0..tries {
            match self.call_on(core, record, fresh, waiting).await {
                // The holder of the memory may be gone by now. Only many tries show that there was none.
                Err(CallError::Trouble(trouble)) if trouble.starved => {
                    self.instances.shrink();
                    fresh = true;
                }
                Err(CallError::Trouble(trouble)) if trouble.memory && !trouble.fresh => fresh = true,
                result => return result,
            }
        }
        self.call_on(core, record, fresh || !core.has_effects(), waiting).await
    }

    /// Waits, and leaves the thread to other calls meanwhile.
    pub(crate) async fn sleep(&self, time: Duration, waiting: &dyn Waiting) {
        let sleep = {
            // The thread may be none of the pool's.
            let _timers = self.hosting.timers.enter();
            tokio::time::sleep(time)
        };
        waiting.waits();
        sleep.await;
        waiting.resumes();
    }
}

/// The time that a call of `records` records may take.
pub(super) fn budget(core: &FunctionCore, records: usize) -> Duration {
    let limit = core.limits().timeout;
    if records == 1 { limit } else { limit.min(BUDGET) }
}

fn open_error(core: &FunctionCore, error: OpenError) -> Error {
    let function = core.name().to_owned();
    match error {
        OpenError::Refused(message) => Error::Function(FunctionError::Refused { function, message }),
        OpenError::Fault(cause) => Error::Function(FunctionError::Open { function, cause }),
        OpenError::NoRoom { limit } => Error::Function(FunctionError::NoRoom { function, limit }),
        OpenError::Exhausted(reason) => Error::System(SystemError::Sandbox { reason }),
    }
}
