//! What the clones of a pool share: its threads, instances and limits.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use tokio::runtime::{Builder, Handle};

use super::builder::PoolBuilder;
use super::instances::Instances;
use super::scheduler::Scheduler;
use crate::error::SystemError;
use crate::executor::segment::Executor;
use crate::function::{Isolation, Limits, PoolUsage};
use crate::machine::{Machine, ScarceAddressSpace};
use crate::metrics::{PoolStatus, WorkerStatus};
use crate::monitor::{PoolFigures, Watch};
use crate::plugin::Print;
use crate::plugin::{GuestResources, Hosting, Loader, Network, OnPrint, Runtime, TotalMemory};
use crate::{Error, Monitor, threads};

/// How many instances at most have their memory reused by later ones. Reserving it takes time at the start.
const MOST_SLOTS: usize = 1000;

/// How many instances of sinks have memory reserved beside these.
const SINKS: usize = 50;

/// What the clones of a pool share.
pub(crate) struct PoolShared {
    pub(super) hosting: Arc<Hosting>,
    pub(super) loader: Arc<Loader>,
    /// Taken when the pool is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    pub(super) threads: usize,
    limits: Limits,
    /// Of one call, in bytes.
    stack: usize,
    on_print: OnPrint,
    pub(super) instances: Instances,
    pub(super) scheduler: Scheduler,
    ids: AtomicUsize,
    monitor: Option<Monitor>,
    /// What does the work of segments, if the threads do not.
    pub(super) executor: Option<Arc<dyn Executor>>,
}

impl PoolFigures for PoolShared {
    fn status(&self) -> PoolStatus {
        let usage = self.usage();
        PoolStatus {
            threads: self.threads,
            instances: self.instances.live(),
            instances_most: usage.instances,
            instances_limit: usage.instances_limit,
            memory: self.hosting.total.used(),
            memory_most: usage.memory,
            memory_limit: usage.memory_limit,
        }
    }

    fn workers(&self) -> Option<Vec<WorkerStatus>> {
        self.executor.as_ref().map(|executor| executor.workers())
    }
}

impl PoolShared {
    pub(super) fn usage(&self) -> PoolUsage {
        let PoolShared { instances, hosting, stack, .. } = self;
        let resources = &hosting.resources;
        PoolUsage {
            instances: instances.most(),
            instances_limit: instances.limit(),
            memory: hosting.total.most(),
            memory_limit: hosting.total.limit(),
            stack_limit: *stack,
            descriptors: resources.most_descriptors(),
            descriptors_limit: resources.descriptors_limit(),
            descriptors_held: resources.descriptors(),
            disk: resources.disk.used(),
            stuck_threads: resources.threads.stuck(),
        }
    }

    pub(super) fn start(builder: PoolBuilder) -> Result<Arc<Self>, Error> {
        let PoolBuilder {
            threads,
            instances,
            limits,
            total_memory,
            keep_room,
            stack,
            plugin_size,
            on_print,
            compiler,
            ahead,
            monitor,
            executor,
        } = builder;
        let on_print = match &monitor {
            Some(monitor) => noting(monitor.clone(), on_print),
            None => on_print,
        };
        let (instances, runtime) = sandbox(instances, keep_room, stack, limits)?;
        // An executor that does not begin must not drop a runtime: the caller may be in another one.
        let executor = executor.map(|join| join()).transpose()?;
        let (pool_runtime, threads) = threads::runtime("engine-pool", threads, Builder::enable_time)?;
        let total = TotalMemory::new(total_memory);
        let hosting = Hosting {
            runtime,
            resources: GuestResources::new(total.clone()),
            total,
            timers: pool_runtime.handle().clone(),
            network: Network::default(),
        };
        let loader = Loader { plugin_size, compiler, ahead };
        let shared = Arc::new(Self {
            hosting: Arc::new(hosting),
            loader: Arc::new(loader),
            runtime: Some(pool_runtime),
            threads,
            limits,
            stack,
            on_print,
            instances: Instances::new(instances),
            scheduler: Scheduler::default(),
            ids: AtomicUsize::new(0),
            monitor,
            executor,
        });
        if let Some(monitor) = &shared.monitor {
            let pool: Weak<Self> = Arc::downgrade(&shared);
            monitor.watch().add_pool(pool);
        }
        Ok(shared)
    }

    /// How many bytes a plugin's file may have.
    #[cfg(feature = "cluster")]
    pub(crate) fn plugin_size(&self) -> u64 {
        self.loader.plugin_size
    }

    /// Runs a future on a thread of the pool, and waits until it is done.
    pub(super) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        self.hosting.timers.spawn(work).await.map_err(|_| Error::System(SystemError::Panicked))
    }

    /// Runs a future on a thread of the pool, and blocks until it is done.
    pub(crate) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.hosting.timers.spawn(async move { sender.send(work.await) });
        receiver.recv().expect("the pool's threads live as long as the pool, and loading does not panic")
    }

    /// The runtime of the pool's threads.
    pub(crate) fn handle(&self) -> &Handle {
        &self.hosting.timers
    }

    pub(crate) fn next_id(&self) -> usize {
        self.ids.fetch_add(1, Relaxed)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Watches the pool's functions, if they are monitored.
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        self.monitor.as_ref().map(|monitor| monitor.watch().clone())
    }

    pub(crate) fn on_print(&self) -> OnPrint {
        self.on_print.clone()
    }
}

/// The number of instances that there may be, and the WebAssembly runtime that has room for them.
fn sandbox(
    instances: usize,
    keep_room: bool,
    stack: usize,
    limits: Limits,
) -> Result<(usize, Arc<Runtime>), Error> {
    let mut instances = instances.min(Machine::here().most_instances());
    if let Some(scarce) = ScarceAddressSpace::here() {
        instances = instances.min(scarce.most_instances());
    }
    let keep_room = keep_room || limits.isolation != Isolation::Thread;
    if keep_room {
        instances = instances.min(MOST_SLOTS);
    }
    let new = |slots| Runtime::new(stack, slots, limits.bounded);
    let slots = keep_room.then_some(instances + SINKS);
    // Not every system has the address space for it.
    let runtime = new(slots).or_else(|_| new(None))?;
    Ok((instances, Arc::new(runtime)))
}

impl Drop for PoolShared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Shows the monitor what is printed, before it is printed.
fn noting(monitor: Monitor, on_print: OnPrint) -> OnPrint {
    Arc::new(move |print: Print| {
        monitor.note_line(&print.function, &print.line);
        on_print(print);
    })
}
