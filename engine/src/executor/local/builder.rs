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

/// Sets up a [`Pool`]. The defaults are safe, and fast on this machine.
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
    /// Lets a monitor watch what the pool's functions do.
    pub fn monitor(mut self, monitor: &Monitor) -> Self {
        self.monitor = Some(monitor.clone());
        self
    }

    /// Runs scattered segments on an executor instead of this pool's threads. It starts when the pool is built.
    #[cfg(feature = "cluster")]
    pub(crate) fn executor(mut self, join: Join) -> Self {
        self.executor = Some(join);
        self
    }

    /// Sets how many threads run guests: at least 1. The default is the machine's number of cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets how many instances there may be at once: at least 1. The default is 10,000.
    ///
    /// While functions compute, there are no more instances than threads. While they wait, other instances run.
    /// At the limit, records wait. The system's memory mappings limit instances too: about 10,000 with Linux's
    /// defaults.
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Reuses the memory of instances that end for new ones, and limits instances to 1,000.
    ///
    /// A new instance then takes a third of the time, which pays off if many records fail. Pools whose instances
    /// live for a batch or a record always do so. The pool reserves 4 TiB of address space, so a process has room for
    /// about thirty such pools, and takes 3 ms to start. If the address space is not available, each instance gets
    /// memory of its own.
    pub fn keep_room(mut self) -> Self {
        self.keep_room = true;
        self
    }

    /// Sets how long a function may take for one record, running and waiting. The default is 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Sets how much linear memory one instance may have, in bytes. The default is 64 MiB.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// Sets how much linear memory all instances may have together, in bytes. The default is half of the memory of
    /// the machine or the container ([`Machine::guest_memory`]).
    ///
    /// Memory that a guest has not touched counts too, although it takes none of the machine's: a small plugin has
    /// 1.1 MiB, of which 40 KiB are real.
    pub fn total_memory(mut self, bytes: usize) -> Self {
        self.total_memory = bytes;
        self
    }

    /// Sets how much stack a guest's calls may take, in bytes. The default is 512 KiB.
    pub fn stack(mut self, bytes: usize) -> Self {
        self.stack = bytes;
        self
    }

    /// Sets how many bytes the outputs of one record may take. The default is 32 MiB.
    pub fn output(mut self, bytes: usize) -> Self {
        self.limits.output = bytes;
        self
    }

    /// Sets how many bytes of messages a function may print in a run. The default is 1 MiB. Later messages are
    /// dropped.
    pub fn messages(mut self, bytes: usize) -> Self {
        self.limits.messages = bytes;
        self
    }

    /// Sets how many bytes a plugin's file may have. The default is 100 MiB.
    pub fn plugin_size(mut self, bytes: u64) -> Self {
        self.plugin_size = bytes;
        self
    }

    /// Sets how long an instance lives. The default is [`Isolation::Thread`]. A sink's instance always lives as long
    /// as the run, since it may hold what it prints at the end.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.limits.isolation = isolation;
        self
    }

    /// Compiles plugins in a process of its own. By default, this process compiles them.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Takes plugins that were compiled before, and does not compile them again.
    pub fn ahead(mut self, ahead: &Ahead) -> Self {
        self.ahead = ahead.clone();
        self
    }

    /// Calls a closure for each line that functions print. By default, these lines are dropped. A sink's stdout is
    /// not included: it is the run's output.
    pub fn on_print(mut self, on_print: impl Fn(Print) + Send + Sync + 'static) -> Self {
        self.on_print = Arc::new(on_print);
        self
    }

    /// Switches off the limits of time, memory and outputs, to measure their cost. Not for functions that are not
    /// trusted, nor with a compiler in a process of its own.
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
        let shared = PoolShared::start(self)?;
        if let Some(executor) = &shared.executor {
            let pool = Arc::downgrade(&shared);
            executor.is_at_home(Box::new(move || Some(Arc::new(Pool::from_shared(pool.upgrade()?)))));
        }
        Ok(Pool::from_shared(shared))
    }
}
