//! The pool itself: its threads, and the order in which they take up work.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use super::builder::PoolBuilder;
use super::instances::{Held, Instances};
use super::plugin::Plugin;
use super::runner;
use crate::Error;
use crate::error::{FunctionError, SystemError};
use crate::executor::segment::Segment;
use crate::executor::segment::{Executor, fitting};
use crate::function::{Isolation, Limits, PoolUsage};
use crate::metrics::{PoolStatus, WorkerStatus};
use crate::monitor::{PoolFigures, Watch};
use crate::plugin::{
    Core, Hosting, Instance, Ledger, Loaded, MOST_BYTES, Network, OnPrint, OpenError, Outcome, Runtime,
    TotalMemory, Trouble, Waiting,
};
use crate::record::Batch;
use crate::{Machine, Monitor, Print, threads};

/// A call of several records may take this long; if it does not end, they are run one by one.
const BUDGET: Duration = Duration::from_millis(100);

/// So many instances at most have their room kept for the next ones: each takes time at the start.
const MOST_SLOTS: usize = 1000;

/// And so many that sinks keep, which don't count.
const SINKS: usize = 50;

/// How often a record is tried again when it may be other records' memory that it failed for.
pub(super) const MEMORY_TRIES: usize = 16;

/// Workers, instances and their limits: what runs functions.
///
/// It is cheap to clone. Its threads end when the last clone, and all that came from it, is dropped.
#[derive(Clone)]
pub struct Pool(Arc<PoolShared>);

impl Pool {
    /// A pool with the defaults of [`PoolBuilder`].
    ///
    /// # Errors
    ///
    /// If the machine refuses threads or what the sandbox needs.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Sets up a pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Loads the plugin at `path`.
    ///
    /// Blocks while it is compiled, a tenth of a second for a small one; the compiled code is kept
    /// in the user's cache folder for the next time.
    ///
    /// # Errors
    ///
    /// If the file can't be read or is no plugin that this engine runs.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Plugin, Error> {
        self.load_if(path.as_ref(), None)
    }

    /// The same, if the file's BLAKE3 hash is this, in hexadecimal digits. Otherwise nothing of it is compiled
    /// or run.
    ///
    /// # Errors
    ///
    /// If the hash is another one, and those of [`load`](Self::load).
    pub fn load_pinned(&self, path: impl AsRef<Path>, blake3: &str) -> Result<Plugin, Error> {
        self.load_if(path.as_ref(), Some(blake3.to_owned()))
    }

    fn load_if(&self, path: &Path, pin: Option<String>) -> Result<Plugin, Error> {
        let shared = &self.0;
        let path = path.to_owned();
        let (hosting, limits, on_print) = (shared.hosting.clone(), shared.limits, shared.on_print.clone());
        let loaded = shared
            .wait(async move { Loaded::load(&path, pin.as_deref(), &hosting, limits, on_print).await })?;
        Ok(Plugin::new(loaded, shared.clone()))
    }

    /// How many threads run guests.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// Gives back what the pool has on other machines, and waits for that, which takes some seconds at most if the
    /// broker is there. Nothing that was scattered over it goes on: streams that still use it end with
    /// [`Error::Closed`]. Without a cluster there is nothing to give back. It blocks.
    ///
    /// To drop a pool does the same, but whoever drops the last of it may be nobody that the program waits for.
    pub fn close(&self) {
        if let Some(executor) = &self.0.executor {
            executor.end();
        }
    }

    /// What all instances had together, and might have had.
    #[must_use]
    pub fn usage(&self) -> PoolUsage {
        self.0.usage()
    }

    /// What does the work of its segments.
    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        self.0.executor.clone().unwrap_or_else(|| Arc::new(self.clone()))
    }

    pub(crate) fn from_shared(shared: Arc<PoolShared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<PoolShared> {
        &self.0
    }
}

impl Executor for Pool {
    fn enlist(&self, segment: &Arc<Segment>) {
        self.shared().enlist(segment);
    }

    fn work_here(&self, segment: &Arc<Segment>) -> bool {
        runner::run_here(self.shared(), segment)
    }

    fn fitting(&self, stage: &Core, batch: &Batch, alone: bool) -> usize {
        fitting(stage, batch, alone)
    }

    fn room(&self) -> usize {
        2 * self.threads() * MOST_BYTES
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} threads)", self.0.threads)
    }
}

/// What the clones of a pool share.
pub(crate) struct PoolShared {
    hosting: Arc<Hosting>,
    /// Taken when the pool is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    threads: usize,
    limits: Limits,
    /// Of one call, in bytes.
    stack: usize,
    on_print: OnPrint,
    instances: Instances,
    schedule: Mutex<Schedule>,
    ids: AtomicUsize,
    monitor: Option<Monitor>,
    /// What does the work of segments, if the threads do not.
    executor: Option<Arc<dyn Executor>>,
}

#[derive(Default)]
struct Schedule {
    /// Segments that have work, each once, in turn.
    ready: VecDeque<Arc<Segment>>,
    /// Runners whose guests do not wait.
    running: usize,
}

/// Why a call gave no outcome.
pub(crate) enum CallError {
    /// The guest failed on these records.
    Trouble(Box<Trouble>),
    /// No instance could be opened.
    Open(Error),
}

impl PoolFigures for PoolShared {
    fn status(&self) -> PoolStatus {
        let usage = self.usage();
        PoolStatus {
            workers: self.threads,
            instances: self.instances.live(),
            instances_most: usage.instances,
            instances_limit: usage.instances_limit,
            memory: self.hosting.total.used(),
            memory_most: usage.memory,
            memory_limit: usage.memory_limit,
        }
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        self.executor.as_ref().map_or_else(Vec::new, |executor| executor.workers())
    }
}

impl PoolShared {
    fn usage(&self) -> PoolUsage {
        let PoolShared { instances, hosting, stack, .. } = self;
        let ledger = &hosting.ledger;
        PoolUsage {
            instances: instances.most(),
            instances_limit: instances.limit(),
            memory: hosting.total.most(),
            memory_limit: hosting.total.limit(),
            stack_limit: *stack,
            descriptors: ledger.most_descriptors(),
            descriptors_limit: ledger.descriptors_limit(),
            descriptors_held: ledger.descriptors(),
            disk: ledger.disk.used(),
            stuck_threads: ledger.threads.stuck(),
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
        let mut instances = instances.min(Machine::here().most_instances());
        let keep_room = keep_room || limits.isolation != Isolation::Worker;
        if keep_room {
            instances = instances.min(MOST_SLOTS);
        }
        let new = |slots| Runtime::new(stack, slots, limits.bounded);
        let slots = keep_room.then_some(instances + SINKS);
        // Not every system has the address space for it.
        let runtime = Arc::new(new(slots).or_else(|_| new(None))?);
        let (pool_runtime, threads) = threads::runtime("engine-pool", threads, Builder::enable_time)?;
        let executor = executor.map(|join| join()).transpose()?;
        let total = TotalMemory::new(total_memory);
        let hosting = Hosting {
            runtime,
            ledger: Ledger::new(total.clone()),
            total,
            timers: pool_runtime.handle().clone(),
            plugin_size,
            compiler,
            ahead,
            network: Network::default(),
        };
        let shared = Arc::new(Self {
            hosting: Arc::new(hosting),
            runtime: Some(pool_runtime),
            threads,
            limits,
            stack,
            on_print,
            instances: Instances::new(instances),
            schedule: Mutex::default(),
            ids: AtomicUsize::new(0),
            monitor,
            executor,
        });
        if let Some(executor) = &shared.executor {
            executor.is_at_home(Arc::downgrade(&shared));
        }
        if let Some(monitor) = &shared.monitor {
            let pool: Weak<Self> = Arc::downgrade(&shared);
            monitor.watch().add_pool(pool);
        }
        Ok(shared)
    }

    /// How many bytes a plugin's file may have.
    #[cfg(feature = "cluster")]
    pub(crate) fn plugin_size(&self) -> u64 {
        self.hosting.plugin_size
    }

    /// Whether a thread has nothing to do, since functions wait or there is no work.
    #[cfg(feature = "cluster")]
    pub(crate) fn has_idle_threads(&self) -> bool {
        self.schedule().running < self.threads
    }

    /// Runs a future on a worker and blocks until it is done.
    pub(crate) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.hosting.timers.spawn(async move { sender.send(work.await) });
        receiver.recv().expect("the pool's threads live as long as the pool, and loading does not panic")
    }

    /// Opens the first instance of a function, and keeps it for the first record.
    pub(crate) fn prepare(self: &Arc<Self>, core: &Arc<Core>) -> Result<(), Error> {
        let (pool, function) = (self.clone(), core.clone());
        self.wait(async move {
            let held = pool.acquire(&function, false).await?;
            pool.instances.give_back(held);
            Ok(())
        })
    }

    pub(crate) fn next_id(&self) -> usize {
        self.ids.fetch_add(1, Relaxed)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Who watches.
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        self.monitor.as_ref().map(|monitor| monitor.watch().clone())
    }

    pub(crate) fn on_print(&self) -> OnPrint {
        self.on_print.clone()
    }

    async fn acquire(&self, core: &Core, fresh: bool) -> Result<Held, Error> {
        let acquired = self.instances.acquire(core, fresh, &self.hosting).await;
        let held = acquired.map_err(|error| open_error(core, error))?;
        core.usage.open(held.instance.memory());
        Ok(held)
    }

    /// An instance of its own for a node that keeps it, as sinks do. It does not count as one of
    /// those that come and go, or a chain behind which it stands could wait for it in vain.
    pub(crate) async fn open(&self, core: &Core, state: Option<&[u8]>) -> Result<Box<Instance>, Error> {
        let opened = self.instances.keep(core, state, &self.hosting).await;
        let instance = opened.map_err(|error| open_error(core, error))?;
        core.usage.open(instance.memory());
        Ok(instance)
    }

    /// Gives a function records, on an instance at rest or a new one. A single record has the
    /// function's full time limit, several have a budget.
    pub(crate) async fn call(
        &self,
        core: &Core,
        batch: &Batch,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        self.call_on(core, batch, false, waiting).await
    }

    /// The same; if it is to be `fresh`, on an instance that has made no call before.
    async fn call_on(
        &self,
        core: &Core,
        batch: &Batch,
        fresh: bool,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        let Held { instance, seat } = self.acquire(core, fresh).await.map_err(CallError::Open)?;
        let limit = budget(core, batch.len());
        match instance.process(batch, None, limit, waiting).await {
            Ok((instance, outcome)) => {
                core.note_outcome(&instance, &outcome);
                if instance.is_worn() {
                    core.usage.retire();
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
        core: &Core,
        record: &Batch,
        waiting: &dyn Waiting,
    ) -> Result<Outcome, CallError> {
        let mut fresh = false;
        // One that has effects is given its record once, whatever it was that failed.
        let tries = if core.has_effects() { 0 } else { MEMORY_TRIES };
        for _ in 0..tries {
            match self.call_on(core, record, fresh, waiting).await {
                // Who held the memory may be gone by now: only many tries tell that nobody did.
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

    /// Waits, and leaves the worker to others meanwhile.
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

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment has work: the next free worker takes it up.
    pub(crate) fn enlist(self: &Arc<Self>, segment: &Arc<Segment>) {
        let mut schedule = self.schedule();
        if segment.mark_listed() {
            schedule.ready.push_back(segment.clone());
        }
        self.kick(schedule);
    }

    /// Starts a runner if one is allowed and there is work. It starts the next one itself.
    fn kick(self: &Arc<Self>, mut schedule: MutexGuard<'_, Schedule>) {
        if schedule.running < self.threads && !schedule.ready.is_empty() {
            schedule.running += 1;
            drop(schedule);
            self.hosting.timers.spawn(runner::run(self.clone()));
        }
    }

    /// Whether the caller may run guests on its own thread: while no worker does.
    pub(super) fn begin_alone(&self) -> bool {
        let mut schedule = self.schedule();
        let alone = schedule.running == 0;
        schedule.running += usize::from(alone);
        alone
    }

    /// One that ran guests beside the workers ends.
    pub(super) fn leave(self: &Arc<Self>) {
        let mut schedule = self.schedule();
        schedule.running -= 1;
        self.kick(schedule);
    }

    /// The pool's threads.
    pub(crate) fn handle(&self) -> &Handle {
        &self.hosting.timers
    }

    /// What was begun elsewhere goes on on a worker.
    pub(super) fn go_on(&self, piece: impl Future<Output = ()> + Send + 'static) {
        self.hosting.timers.spawn(piece);
    }

    /// A runner ended without having been told to.
    pub(super) fn runner_is_gone(self: &Arc<Self>) {
        self.leave();
    }

    /// The next segment for a runner; none ends it.
    pub(super) fn next_segment(&self) -> Option<Arc<Segment>> {
        let mut schedule = self.schedule();
        let next = (schedule.running <= self.threads).then(|| schedule.ready.pop_front()).flatten();
        match &next {
            Some(segment) => segment.mark_unlisted(),
            None => schedule.running -= 1,
        }
        next
    }
}

/// A runner's guest waits: its worker is free for another.
pub(super) struct Runner<'a>(pub(super) &'a Arc<PoolShared>);

impl Waiting for Runner<'_> {
    fn waits(&self) {
        let mut schedule = self.0.schedule();
        schedule.running -= 1;
        self.0.kick(schedule);
    }

    fn resumes(&self) {
        self.0.schedule().running += 1;
    }
}

impl Drop for PoolShared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The time that a call of so many records may take.
pub(super) fn budget(core: &Core, records: usize) -> Duration {
    let limit = core.limits().timeout;
    if records == 1 { limit } else { limit.min(BUDGET) }
}

fn open_error(core: &Core, error: OpenError) -> Error {
    let function = core.name().to_owned();
    match error {
        OpenError::Refused(message) => Error::Function(FunctionError::Refused { function, message }),
        OpenError::Fault(cause) => Error::Function(FunctionError::Open { function, cause }),
        OpenError::NoRoom { limit } => Error::Function(FunctionError::NoRoom { function, limit }),
        OpenError::Exhausted(reason) => Error::System(SystemError::Sandbox { reason }),
    }
}

/// Notes what is printed for who watches, before it is shown.
fn noting(monitor: Monitor, on_print: OnPrint) -> OnPrint {
    Arc::new(move |print: Print| {
        monitor.note_line(&print.function, &print.line);
        on_print(print);
    })
}
