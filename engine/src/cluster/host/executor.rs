//! The executor of a pool whose work goes to a cluster: what segments see of it, and the thread that it has.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;

use super::dispatcher::Dispatcher;
use super::link::{Cleared, Link};
use crate::cluster::description::is_name;
use crate::cluster::random::random;
use crate::cluster::settings::Cluster;
use crate::cluster::transport::Transport;
use crate::error::{ClusterError, SystemError};
use crate::executor::{Executor, Home, Segment};
use crate::metrics::WorkerStatus;
use crate::plugin::{FunctionCore, MOST_BYTES};
use crate::record::Batch;
use crate::{Error, threads};

/// Bytes of a segment's records in flight at most, about.
const ROOM: usize = 64 << 20;

/// The most characters of a run's name.
const LONGEST_NAME: usize = 64;

/// Gives the work of segments to a cluster.
pub(crate) struct ClusterExecutor {
    link: Arc<Link>,
    thread: Option<JoinHandle<()>>,
}

impl ClusterExecutor {
    /// Connects, and begins the run named. Blocks until the broker has answered.
    pub(in crate::cluster) fn start<F>(
        cluster: Cluster,
        connect: impl FnOnce(Cluster, String) -> F + Send + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Result<Arc<dyn Transport>, Error>>,
    {
        let link = Arc::new(Link::new());
        let (told, begun) = sync_channel(1);
        let its = link.clone();
        let work = move || {
            let _cleared = Cleared(its.clone());
            // It is made and dropped here: the caller may be in another runtime, where it can't be dropped.
            let runtime = match threads::runtime("engine-cluster", 2, Builder::enable_all) {
                Ok((runtime, _)) => runtime,
                Err(error) => return drop(told.send(Err(error))),
            };
            runtime.block_on(async {
                let name = cluster.run.clone().unwrap_or_else(|| format!("run-{:016x}", random()));
                let connected = match check_name(&name) {
                    Ok(()) => connect(cluster.clone(), name.clone()).await,
                    Err(error) => Err(error),
                };
                if let Some(transport) = begin(connected, &told) {
                    dispatch(transport, cluster, &name, its).await;
                }
            });
            runtime.shutdown_background();
        };
        let handle = threads::start("engine-cluster", work)?;
        begun.recv().unwrap_or(Err(Error::System(SystemError::Panicked)))?;
        Ok(Self { link, thread: Some(handle) })
    }

    /// Whether the caller is this executor's thread, which can't wait for itself.
    fn is_this_thread(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }
}

/// Tells whether there is a connection.
fn begin(
    connected: Result<Arc<dyn Transport>, Error>,
    told: &SyncSender<Result<(), Error>>,
) -> Option<Arc<dyn Transport>> {
    let (transport, begun) = match connected {
        Ok(transport) => (Some(transport), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let _ = told.send(begun);
    transport
}

/// Hands out work from the first piece on: before that the run may yet be found wrong, and nothing of it is there.
async fn dispatch(transport: Arc<dyn Transport>, cluster: Cluster, name: &str, link: Arc<Link>) {
    tokio::select! {
        () = link.over.cancelled() => link.fail(&[], &Error::Closed),
        () = link.bell.notified() => match Dispatcher::begin(transport, cluster, name, link.clone()).await {
            Ok(dispatcher) => dispatcher.run().await,
            Err(error) => link.fail(&[], &error),
        },
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fine = is_name(name) && name.len() <= LONGEST_NAME;
    fine.then_some(()).ok_or_else(|| Error::Cluster(ClusterError::RunName { name: name.to_owned() }))
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

    fn fitting(&self, stage: &FunctionCore, batch: &Batch, alone: bool) -> usize {
        let most = if alone { 1 } else { stage.batch_size.records() };
        most.min(batch.fitting(MOST_BYTES)).min(batch.len())
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        self.link.workers()
    }

    fn is_at_home(&self, home: Home) {
        self.link.set_home(home);
    }

    fn end(&self) {
        self.link.over.cancel();
        if !self.is_this_thread() {
            self.link.wait_until_cleared();
        }
    }
}

impl Drop for ClusterExecutor {
    fn drop(&mut self) {
        self.link.over.cancel();
        let is_this_thread = self.is_this_thread();
        if let Some(thread) = self.thread.take()
            && !is_this_thread
        {
            // It clears up, which does not take long.
            let _ = thread.join();
        }
    }
}
