//! Where a program joins a cluster: as the host of a run, by its pool, or as a worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::host::executor::ClusterExecutor;
use super::nats;
use super::settings::Cluster;
use super::worker::isolated;
use super::worker::notice::{OnNotice, WorkerNotice};
use super::worker::options::{Isolation, Options};
use super::worker::process;
use crate::broker::Broker;
use crate::executor::PoolBuilder;
use crate::{Capability, Error, Pool, threads};

impl PoolBuilder {
    /// Runs scattered segments on a cluster's workers instead of this pool's threads.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// use engine::Pool;
    /// use engine::cluster::Cluster;
    ///
    /// let cluster = Cluster::new("nats://127.0.0.1:4222".parse()?);
    /// let pool = Pool::builder().cluster(cluster).build().await?;
    /// # pool.close().await;
    /// # Ok(()) }
    /// ```
    pub fn cluster(self, cluster: Cluster) -> ClusterPoolBuilder {
        ClusterPoolBuilder { pool: self, cluster }
    }
}

/// Sets up a [`Pool`] whose scattered segments run on a cluster's workers. Made by
/// [`PoolBuilder::cluster`](crate::pool::PoolBuilder::cluster).
#[must_use]
pub struct ClusterPoolBuilder {
    pool: PoolBuilder,
    cluster: Cluster,
}

impl ClusterPoolBuilder {
    /// Connects to the broker, and starts the pool. If the future is dropped, the work goes on to its end, and the
    /// pool is dropped then.
    ///
    /// # Errors
    ///
    /// If the broker can't be used, and those of [`PoolBuilder::build`](crate::pool::PoolBuilder::build).
    pub async fn build(self) -> Result<Pool, Error> {
        threads::unblocked("engine-connect", move || self.blocking_build()).await?
    }

    /// Builds the pool as [`build`](Self::build) does, and blocks the caller's thread until the broker has
    /// answered.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build).
    pub fn blocking_build(self) -> Result<Pool, Error> {
        let Self { pool, cluster } = self;
        let connect = |cluster: Cluster, run: String| async move {
            let on_notice = cluster.on_notice.clone();
            let told = move |line: &str| on_notice.tell(line);
            nats::host(cluster.broker, cluster.durability, &run, told).await
        };
        pool.executor(Box::new(move || Ok(Arc::new(ClusterExecutor::start(cluster, connect)?)))).build()
    }
}

/// A process that takes up work of clusters' runs: any number of runs, one after another or side by side.
///
/// What a run may do here is up to the administrator of the worker: no more memory and time for a function than the
/// pool allows, and no capability but those that are [allowed](Self::allow). A run that wants more is not served, which
/// `engine cluster status` shows with the reason.
///
/// Of plugins only their WebAssembly comes over the network: it is hashed, checked and compiled here.
#[derive(Clone, Debug)]
pub struct Worker {
    broker: Broker,
    options: Options,
}

impl Worker {
    /// A worker that runs functions on a pool, and keeps plugins that it gets in a folder.
    pub fn new(broker: Broker, pool: &Pool, folder: impl Into<PathBuf>) -> Self {
        Self { broker, options: Options::new(pool, folder.into()) }
    }

    /// Sets how long the tasks in progress may take when the worker leaves; the rest is left to other workers. The
    /// default is 30 s.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.options.drain = timeout;
        self
    }

    /// Functions may have this, if the host grants it and they say that they need it.
    #[must_use]
    pub fn allow(mut self, capability: Capability) -> Self {
        self.options.allowed.push(capability);
        self
    }

    /// A task that may have killed workers is run by this program, called with these arguments. Its `main` calls
    /// [`Worker::serve_isolated`] for them. Without it such a task is run in this process.
    #[must_use]
    pub fn isolate(mut self, program: impl Into<PathBuf>, arguments: Vec<String>) -> Self {
        self.options.isolation = Some(Isolation::new(program.into(), arguments));
        self
    }

    /// What it is called: the machine's name, the process's number, and four random digits.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Runs one task that comes on stdin, and writes what comes of it to stdout.
    ///
    /// # Errors
    ///
    /// If they are no task.
    pub fn serve_isolated(pool: &Pool, allowed: &[Capability]) -> Result<(), Error> {
        isolated::serve(pool, allowed)
    }

    /// Works until `leave` is cancelled; then what was begun is finished, and no more is taken. `on_notice` is
    /// given lines for people.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached at the beginning. Later it is waited for.
    pub async fn serve(
        self,
        leave: CancellationToken,
        on_notice: impl Fn(&WorkerNotice) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let on_notice = OnNotice::new(on_notice);
        let Self { broker, options } = self;
        let (address, hear) = (broker.to_string(), on_notice.clone());
        let transport = nats::worker(broker, &options.name, move |line| hear.tell(line)).await?;
        let threads = match options.pool.threads() {
            1 => "one function".to_owned(),
            more => format!("{more} functions"),
        };
        on_notice.tell(&format!("{} works for {address}, {threads} at once", options.name));
        process::serve(transport, options, leave, on_notice).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_pool_without_its_broker_is_an_error_in_a_runtime_too() {
        // Its port is closed when this is done.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let cluster = Cluster::new(format!("nats://127.0.0.1:{port}").parse().unwrap());
        let built = Pool::builder().threads(1).cluster(cluster).blocking_build();
        assert!(matches!(built, Err(Error::Broker(_))), "{built:?}");
    }
}
