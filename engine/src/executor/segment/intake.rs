//! The scatter's side of a segment: records come in as the buffer and the memory allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::{SemaphorePermit, TryAcquireError};

use super::handle::Segment;
use crate::Error;
use crate::record::Batch;

impl Segment {
    /// Takes records in; waits while as many as the buffer allows are unfinished.
    pub(crate) async fn push(self: &Arc<Self>, batch: Batch) -> Result<(), Error> {
        self.take_in(batch, || self.executor.enlist(self)).await
    }

    /// The same with a single record. If no thread of the pool is awake, the caller's does the work
    /// itself, as far as it need not wait: to wake a thread takes longer than most functions. The
    /// result goes to the gather as ever, since closures after it may wait for the caller.
    pub(crate) async fn push_here(self: &Arc<Self>, one: Batch) -> Result<(), Error> {
        if !self.inline.is_worth_it() {
            return self.push(one).await;
        }
        let here = AtomicBool::new(false);
        let work = || {
            let begun = Instant::now();
            let done = self.executor.work_here(self);
            here.store(done, Ordering::Relaxed);
            if done {
                self.inline.learn(begun, Instant::now());
            } else {
                self.executor.enlist(self);
            }
        };
        self.take_in(one, work).await?;
        if here.into_inner() {
            // The gather may be next on this very thread, which the caller may now block for long.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Takes records in, and calls `begin` whenever there is new work.
    async fn take_in(&self, mut batch: Batch, begin: impl Fn()) -> Result<(), Error> {
        while !batch.is_empty() {
            // The permits come back if this future is dropped before the records are in.
            let permits = self.take_permits(batch.len()).await?;
            self.wait_for_room().await;
            let rest = batch.split_off(permits.num_permits());
            {
                let mut state = self.state();
                if let Some(error) = &state.failed {
                    return Err(error.clone());
                }
                // Records after a fault that ends the run are not wanted any more.
                if !state.stopping {
                    self.context.add_unfinished(batch.len());
                    self.context.take(self.tracked, batch.number(0), batch.number(batch.len() - 1));
                    state.enqueue(batch);
                }
            }
            permits.forget();
            begin();
            batch = rest;
        }
        Ok(())
    }

    /// Waits for one permit, and takes as many as there are up to `wanted`.
    async fn take_permits(&self, wanted: usize) -> Result<SemaphorePermit<'_>, Error> {
        let permits = match self.permits.try_acquire() {
            Err(TryAcquireError::NoPermits) => {
                self.widen(false);
                let _waiting = self.context.waits.wait();
                self.permits.acquire().await.ok()
            }
            permits => permits.ok(),
        };
        let Some(mut permits) = permits else { return Err(self.failure()) };
        let more = self.permits.available_permits().min(wanted - 1);
        if let Ok(more) = self.permits.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)) {
            permits.merge(more);
        }
        Ok(permits)
    }

    async fn wait_for_room(&self) {
        loop {
            let drained = self.drained.notified();
            {
                let state = self.state();
                if state.has_room() || state.failed.is_some() {
                    return;
                }
            }
            let _waiting = self.context.waits.wait();
            drained.await;
        }
    }

    fn failure(&self) -> Error {
        self.state().failed.clone().unwrap_or(Error::Closed)
    }
}
