//! The executor of a pool whose work goes to a cluster: what segments see of it, and the thread that it has.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use async_nats::jetstream::message::Acker;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cluster::host::dispatcher::{Connected, Dispatcher};
use crate::cluster::host::membership::FEWEST;
use crate::cluster::settings::Cluster;
use crate::error::SystemError;
use crate::executor::{Executor, PoolShared, Segment};
use crate::metrics::WorkerStatus;
use crate::plugin::{Core, MOST_BYTES};
use crate::record::Batch;
use crate::{Error, Pool, PoolBuilder, threads};

/// Records of a segment that are out have at most about so many bytes.
const ROOM: usize = 64 << 20;

/// Work that goes to a cluster.
pub(crate) struct ClusterExecutor {
    link: Arc<Link>,
    thread: Option<JoinHandle<()>>,
}

/// What the executor and its thread share.
pub(in crate::cluster) struct Link {
    ready: Mutex<Ready>,
    /// The pool whose executor this is.
    home: OnceLock<Weak<PoolShared>>,
    /// What results are acknowledged by that are out, and their bytes.
    out: Mutex<Vec<(Vec<Acker>, usize)>>,
    /// Either has more.
    pub(in crate::cluster) bell: Notify,
    pub(in crate::cluster) over: CancellationToken,
    /// The thread has cleared up.
    gone: (Mutex<bool>, Condvar),
    /// How many tasks may be out.
    pub(in crate::cluster) width: AtomicUsize,
    workers: Mutex<Vec<WorkerStatus>>,
}

#[derive(Default)]
struct Ready {
    /// Segments that have work, each once, in turn.
    segments: VecDeque<Arc<Segment>>,
    /// Why nobody does it any more.
    failure: Option<Error>,
}

impl PoolBuilder {
    /// Where the work of scattered segments is done; on this pool's threads, if not said.
    ///
    /// To build the pool then blocks until the broker has answered.
    pub fn cluster(self, cluster: Cluster) -> Self {
        self.executor(Box::new(|| Ok(Arc::new(ClusterExecutor::join(cluster)?))))
    }
}

impl ClusterExecutor {
    /// Connects, and begins the run. Blocks until the broker has answered.
    pub(crate) fn join(cluster: Cluster) -> Result<Self, Error> {
        let (runtime, _) = threads::runtime("engine-cluster", 2, Builder::enable_all)?;
        let link = Arc::new(Link::new());
        let (told, begun) = sync_channel(1);
        let its = link.clone();
        let work = move || {
            let _gone = Gone(&its);
            runtime.block_on(async {
                let connected = match Connected::to(cluster).await {
                    Ok(connected) => connected,
                    Err(error) => return drop(told.send(Err(error))),
                };
                let _ = told.send(Ok(()));
                // Nothing of the run is there before there is work: it may yet be found wrong.
                tokio::select! {
                    () = its.over.cancelled() => its.fail(&[], &Error::Closed),
                    () = its.bell.notified() => match Dispatcher::begin(connected, its.clone()).await {
                        Ok(dispatcher) => dispatcher.run().await,
                        Err(error) => its.fail(&[], &error),
                    },
                }
            });
            runtime.shutdown_background();
        };
        let handle = threads::start("engine-cluster", work)?;
        begun.recv().unwrap_or(Err(Error::System(SystemError::Panicked)))?;
        Ok(Self { link, thread: Some(handle) })
    }
}

impl Executor for ClusterExecutor {
    fn enlist(&self, segment: &Arc<Segment>) {
        if segment.mark_listed()
            && let Err(error) = self.link.enlist(segment.clone())
        {
            return segment.fail(error);
        }
        self.link.bell.notify_one();
    }

    fn work_here(&self, _: &Arc<Segment>) -> bool {
        false
    }

    fn fitting(&self, stage: &Core, batch: &Batch, alone: bool) -> usize {
        let most = if alone { 1 } else { stage.pace.records() };
        most.min(batch.fitting(MOST_BYTES)).min(batch.len())
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        lock(&self.link.workers).clone()
    }

    fn is_at_home(&self, pool: Weak<PoolShared>) {
        let _ = self.link.home.set(pool);
    }

    fn end(&self) {
        self.link.over.cancel();
        // Who is told something by the thread can't wait for it.
        if self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id()) {
            return;
        }
        let (gone, told) = &self.link.gone;
        drop(told.wait_while(lock(gone), |gone| !*gone));
    }
}

/// Tells that the thread has cleared up, or can't any more.
struct Gone<'a>(&'a Link);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let (gone, told) = &self.0.gone;
        *lock(gone) = true;
        told.notify_all();
    }
}

impl Drop for ClusterExecutor {
    fn drop(&mut self) {
        self.link.over.cancel();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It clears up, which does not take long.
            let _ = thread.join();
        }
    }
}

impl Link {
    fn new() -> Self {
        Self {
            ready: Mutex::default(),
            home: OnceLock::new(),
            out: Mutex::default(),
            bell: Notify::new(),
            over: CancellationToken::new(),
            gone: Default::default(),
            width: FEWEST.into(),
            workers: Mutex::default(),
        }
    }

    /// Ends all segments, and those that come.
    pub(in crate::cluster) fn fail(&self, segments: &[Weak<Segment>], error: &Error) {
        let ready = {
            let mut ready = lock(&self.ready);
            ready.failure = Some(error.clone());
            std::mem::take(&mut ready.segments)
        };
        for segment in segments.iter().filter_map(Weak::upgrade).chain(ready) {
            segment.fail(error.clone());
        }
    }

    /// A segment that is marked as listed has work.
    pub(in crate::cluster) fn enlist(&self, segment: Arc<Segment>) -> Result<(), Error> {
        let mut ready = lock(&self.ready);
        match &ready.failure {
            Some(error) => Err(error.clone()),
            None => {
                ready.segments.push_back(segment);
                Ok(())
            }
        }
    }

    /// The next segment that has work.
    pub(in crate::cluster) fn next(&self) -> Option<Arc<Segment>> {
        lock(&self.ready).segments.pop_front()
    }

    /// Who does what can't be sent anywhere.
    pub(in crate::cluster) fn home(&self) -> Option<Arc<dyn Executor>> {
        let pool = self.home.get()?.upgrade()?;
        Some(Arc::new(Pool::from_shared(pool)))
    }

    /// The acknowledgements of results that are out since they were taken last.
    pub(in crate::cluster) fn take_out(&self) -> Vec<(Vec<Acker>, usize)> {
        std::mem::take(&mut *lock(&self.out))
    }

    pub(in crate::cluster) fn set_workers(&self, workers: Vec<WorkerStatus>, width: usize) {
        *lock(&self.workers) = workers;
        self.width.store(width, Relaxed);
    }
}

/// A result's acknowledgements: due once nothing of it is here any more.
pub(in crate::cluster) struct Owed {
    pub(in crate::cluster) link: Arc<Link>,
    pub(in crate::cluster) ackers: Vec<Acker>,
    /// In bytes.
    pub(in crate::cluster) held: usize,
}

impl Drop for Owed {
    fn drop(&mut self) {
        lock(&self.link.out).push((std::mem::take(&mut self.ackers), self.held));
        self.link.bell.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
