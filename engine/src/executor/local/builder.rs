//! How a pool is set up.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::pool::Pool;
use super::shared::PoolShared;
use crate::executor::segment::Join;
use crate::function::{Isolation, Limits};
use crate::machine::Machine;
use crate::plugin::{Ahead, Compiler, OnPrint, Print};
use crate::{Error, Monitor};

/// Sets up a [`Pool`]. The defaults are safe, and fast on the machine at hand.
#[must_use]
pub struct PoolBuilder {
    pub(super) threads: usize,
    pub(super) instances: usize,
    pub(super) keep_room: bool,
    pub(super) limits: Limits,
    pub(super) total_memory: usize,
    pub(super) stack: usize,
    pub(super) plugin_size: u64,
    pub(super) on_print: OnPrint,
    pub(super) compiler: Option<Compiler>,
    pub(super) ahead: Ahead,
    pub(super) monitor: Option<Monitor>,
    pub(super) executor: Option<Join>,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            instances: 10_000,
            keep_room: false,
            limits: Limits::default(),
            total_memory: Machine::here().guest_memory(),
            stack: 512 << 10,
            plugin_size: 100 << 20,
            on_print: Arc::new(|_| {}),
            compiler: None,
            ahead: Ahead::default(),
            monitor: None,
            executor: None,
        }
    }
}

impl PoolBuilder {
    /// Who watches what its functions do.
    pub fn monitor(mut self, monitor: &Monitor) -> Self {
        self.monitor = Some(monitor.clone());
        self
    }

    /// What does the work of scattered segments instead of this pool's threads; begun when the pool is built.
    #[cfg(feature = "cluster")]
    pub(crate) fn executor(mut self, join: Join) -> Self {
        self.executor = Some(join);
        self
    }

    /// How many threads run guests; as many as the machine has cores, if not said. At least 1.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many instances there may be at once; 10,000 if not said. At least 1.
    ///
    /// There are no more than threads as long as functions compute; while they wait, others take
    /// their place. At the bound no more are made, and records wait. There are no more than the system has
    /// memory mappings for: some 10,000 with Linux's defaults.
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Keeps the room of instances that go for those that come, of which there are 1,000 at most then.
    ///
    /// A new instance takes a third of the time: worth it where many records fail. It is always so where
    /// instances live for a batch or a record. The pool takes 4 TiB of address space for it, so that
    /// a process has room for some thirty of them, and 3 ms at the start. Where it can't be had, instances
    /// get room of their own.
    pub fn keep_room(mut self) -> Self {
        self.keep_room = true;
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

    /// How much linear memory all instances may have together, in bytes; if not said, half of what the
    /// machine or the container has ([`Machine::guest_memory`]).
    ///
    /// What a guest has not touched counts, although it takes none of the machine's memory: a small
    /// plugin has 1.1 MiB, of which 40 KiB are real.
    pub fn total_memory(mut self, bytes: usize) -> Self {
        self.total_memory = bytes;
        self
    }

    /// How much stack a guest's calls may take, in bytes; 512 KiB if not said.
    pub fn stack(mut self, bytes: usize) -> Self {
        self.stack = bytes;
        self
    }

    /// How many bytes the outputs of one record may take; 32 MiB if not said.
    pub fn output(mut self, bytes: usize) -> Self {
        self.limits.output = bytes;
        self
    }

    /// How many bytes a function may print for people in a run; 1 MiB if not said. The rest is left out.
    pub fn messages(mut self, bytes: usize) -> Self {
        self.limits.messages = bytes;
        self
    }

    /// How many bytes a plugin's file may have; 100 MiB if not said.
    pub fn plugin_size(mut self, bytes: u64) -> Self {
        self.plugin_size = bytes;
        self
    }

    /// How long an instance lives; [`Isolation::Worker`] if not said. A sink's instance lives as long as
    /// the run, whatever is said here, since it may hold what it prints at the end.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.limits.isolation = isolation;
        self
    }

    /// Who compiles plugins, in a process of its own; this process does, if not said.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Plugins that were compiled before; they are not compiled again.
    pub fn ahead(mut self, ahead: &Ahead) -> Self {
        self.ahead = ahead.clone();
        self
    }

    /// Who is told what functions print, line by line; nobody, if not said. A sink's stdout is
    /// not among it: that is the run's output.
    pub fn on_print(mut self, on_print: impl Fn(Print) + Send + Sync + 'static) -> Self {
        self.on_print = Arc::new(on_print);
        self
    }

    /// Switches off what bounds time, memory and what a call hands over, to measure what it costs. Not for
    /// functions that somebody else wrote, nor with a compiler of its own.
    #[doc(hidden)]
    pub fn without_limits(mut self) -> Self {
        self.limits.bounded = false;
        self
    }

    /// Starts the pool. Returns as soon as its threads have started.
    ///
    /// # Errors
    ///
    /// If the machine refuses threads or what the sandbox needs.
    pub fn build(self) -> Result<Pool, Error> {
        Ok(Pool::from_shared(PoolShared::start(self)?))
    }
}
