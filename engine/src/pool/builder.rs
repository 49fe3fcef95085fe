//! How a pool is set up.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::shared::{Pool, PoolShared};
use crate::Error;
use crate::plugin::{Limits, OnPrint, Print};

/// Sets up a [`Pool`]. The defaults are safe, and fast on the machine at hand.
#[must_use]
pub struct PoolBuilder {
    pub(super) workers: usize,
    pub(super) instances: usize,
    pub(super) limits: Limits,
    pub(super) total_memory: usize,
    pub(super) on_print: OnPrint,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            instances: 10_000,
            limits: Limits::default(),
            total_memory: 16 << 30,
            on_print: Arc::new(|_| {}),
        }
    }
}

impl PoolBuilder {
    /// How many threads run guests; as many as the machine has cores, if not said. At least 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// How many instances there may be at once; 10,000 if not said. At least 1.
    ///
    /// There are no more than workers as long as functions compute; while they wait, others take
    /// their place. At the bound no more are made, and records wait.
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// How long a function may take for one record, running and waiting; 10 s if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// How much linear memory one instance may have, in bytes; 64 MiB if not said.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// How much linear memory all instances may have together, in bytes; 16 GiB if not said.
    ///
    /// What a guest has not touched counts, although it takes none of the machine's memory: a small
    /// plugin has 1.1 MiB, of which 40 KiB are real.
    pub fn total_memory(mut self, bytes: usize) -> Self {
        self.total_memory = bytes;
        self
    }

    /// Who is told what functions print, line by line; nobody, if not said. A sink's stdout is
    /// not among it: that is the run's output.
    pub fn on_print(mut self, on_print: impl Fn(Print) + Send + Sync + 'static) -> Self {
        self.on_print = Arc::new(on_print);
        self
    }

    /// Starts the pool.
    ///
    /// # Errors
    ///
    /// If the machine refuses threads or what the sandbox needs.
    pub fn build(self) -> Result<Pool, Error> {
        Ok(Pool::from_shared(PoolShared::start(self)?))
    }
}
