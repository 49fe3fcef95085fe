//! What workers are told of a run: its entry among the runs, and the plugins that its functions are from.
//!
//! The entry is also who has the run: a host that takes it over writes a later epoch into it, by compare-and-set, so
//! that the one before finds that it is not its own any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{AccountErrorKind, GetStreamErrorKind};
use async_nats::jetstream::kv::{Entry, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::object_store::ObjectMetadata;
use async_nats::jetstream::{Context, ErrorCode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cluster::nats::subjects::{self, Durability, HOSTS, PRESENCE_EXPIRY, RUNS, WORKERS};
use crate::cluster::run::{Machine, Run, Stage};
use crate::cluster::settings::Cluster;
use crate::error::{BrokerError, ClusterError, FileError, LoadError};
use crate::plugin::Core;
use crate::{Broker, Error};

/// After this something that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// Plugins travel in pieces of so many bytes at most, beside which a message has some more.
const CHUNK: usize = 128 << 10;
const HEADER: usize = 1 << 10;

/// No server is behind the others for so long, unless it began anew.
const BEHIND: Duration = Duration::from_secs(10);

/// Nothing is kept, by the server or for the account.
const NOTHING_KEPT: [ErrorCode; 2] =
    [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];

/// Servers have chosen who leads within this time.
const ELECTION: Duration = Duration::from_secs(15);

/// The server's error code for replicas where there is one server.
const NOT_CLUSTERED: &str = "10074";

/// A host that lives says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cluster) struct HostPresence {
    pub(in crate::cluster) epoch: u64,
    pub(in crate::cluster) host: Machine,
    /// The number of the last record that is done, with all before it.
    pub(in crate::cluster) done: u64,
}

/// The entry of one host's run.
pub(in crate::cluster) struct Registry {
    context: Context,
    broker: Broker,
    durability: Durability,
    timeout: Duration,
    name: String,
    runs: Store,
    hosts: Store,
    run: Run,
    /// The host that had the run before, and has not ended it.
    before: Option<Machine>,
    /// Where the run stands in its bucket.
    revision: u64,
    /// Since when the server that answers has been behind that.
    behind: Option<Instant>,
    /// Functions whose plugins workers need.
    functions: Vec<Arc<Core>>,
    uploader: Uploader,
}

impl Registry {
    /// Makes this host the one that has the run.
    pub(in crate::cluster) async fn take_over(
        context: Context,
        cluster: &Cluster,
        name: &str,
    ) -> Result<Self, Error> {
        let Cluster { broker, durability, ack_wait, timeout, .. } = cluster.clone();
        let failed = |error: async_nats::Error| broker.lost(&*error);
        let (runs, hosts) = buckets(&context, durability).await.map_err(failed)?;
        let (run, revision, before) = take_over(&runs, name, ack_wait).await.map_err(failed)?;
        let (name, functions) = (name.to_owned(), Vec::new());
        let uploader = Uploader { context: context.clone(), broker: broker.clone(), durability, timeout };
        Ok(Self {
            context,
            broker,
            durability,
            timeout,
            name,
            runs,
            hosts,
            run,
            before,
            revision,
            behind: None,
            functions,
            uploader,
        })
    }

    pub(in crate::cluster) fn epoch(&self) -> u64 {
        self.run.epoch
    }

    /// Takes out the host that had the run before, if that has not ended it.
    pub(in crate::cluster) fn before(&mut self) -> Option<Machine> {
        self.before.take()
    }

    pub(in crate::cluster) fn uploader(&self) -> Uploader {
        self.uploader.clone()
    }

    /// Tells workers of a segment, whose plugins the broker has.
    pub(in crate::cluster) async fn add(
        &mut self,
        segment: usize,
        stages: Vec<Stage>,
        functions: &[Arc<Core>],
    ) -> Result<(), Error> {
        self.functions.extend_from_slice(functions);
        if self.run.segments.len() <= segment {
            self.run.segments.resize(segment + 1, Vec::new());
        }
        self.run.segments[segment] = stages;
        self.publish().await
    }

    /// Says that this host lives, and how far it is, and looks whether another one has the run. A broker that has
    /// lost what it knew is told all of it again.
    pub(in crate::cluster) async fn beat(&mut self, done: u64) -> Result<(), Error> {
        let entry = match self.runs.entry(&*self.name).await {
            Ok(entry) => entry,
            // The server answers for a bucket that is gone as if nobody were there.
            Err(_) if self.has_lost_runs().await => None,
            Err(error) => return Err(self.broker.lost(&error)),
        };
        let presence = HostPresence { epoch: self.run.epoch, host: self.run.host.clone(), done };
        let presence = serde_json::to_vec(&presence).unwrap_or_default();
        // If that is lost, who looks from outside may think for a while that it is gone.
        let _ = self.hosts.put(&*self.name, presence.into()).await;
        match entry {
            Some(entry) if self.is_own(&entry)? => Ok(()),
            Some(entry) => {
                self.revision = entry.revision;
                self.publish().await
            }
            None => self.begin_anew().await,
        }
    }

    /// Whether an entry is this host's; if not, nobody can read it.
    ///
    /// # Errors
    ///
    /// If another host has written or removed it, which then has the run, or had it and is done.
    fn is_own(&mut self, entry: &Entry) -> Result<bool, Error> {
        let taken_over = Err(Error::Cluster(ClusterError::TakenOver { run: self.name.clone() }));
        let run = serde_json::from_slice::<Run>(&entry.value);
        // A server of several may be behind the others, and not know yet that the run is this host's.
        let is_before = || run.as_ref().is_ok_and(|run| run.epoch < self.run.epoch);
        if entry.revision < self.revision && (entry.operation != Operation::Put || is_before()) {
            let since = *self.behind.get_or_insert_with(Instant::now);
            return if since.elapsed() < BEHIND { Ok(true) } else { taken_over };
        }
        self.behind = None;
        match run {
            _ if entry.operation != Operation::Put => taken_over,
            Ok(run) if run.epoch != self.run.epoch => taken_over,
            run => Ok(run.is_ok()),
        }
    }

    /// Whether the broker is there and has no bucket of runs any more.
    async fn has_lost_runs(&self) -> bool {
        let Err(error) = self.context.get_stream(format!("KV_{RUNS}")).await else { return false };
        matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.code() == 404)
    }

    /// Removes what the run has in the broker, if it is still this host's.
    pub(in crate::cluster) async fn remove(&mut self) {
        let mut removed = self.runs.delete_expect_revision(&self.name, Some(self.revision)).await;
        // What was written last may not have been heard of.
        if removed.is_err()
            && let Ok(Some(entry)) = self.runs.entry(&*self.name).await
            && self.is_own(&entry).is_ok()
        {
            removed = self.runs.delete_expect_revision(&self.name, Some(entry.revision)).await;
        }
        if removed.is_ok() {
            subjects::Subjects::new(&self.name, self.durability).remove(&self.context).await;
            let _ = self.hosts.delete(&self.name).await;
        }
        let _ = self.context.client().flush().await;
    }

    async fn begin_anew(&mut self) -> Result<(), Error> {
        let broker = self.broker.clone();
        let failed = |error: async_nats::Error| broker.lost(&*error);
        (self.runs, self.hosts) = buckets(&self.context, self.durability).await.map_err(failed)?;
        self.uploader.upload_all(&self.functions).await?;
        self.revision = 0;
        self.publish().await
    }

    /// Writes the entry, unless another host has the run.
    async fn publish(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let text = serde_json::to_vec(&self.run).unwrap_or_default();
            let error = match self.runs.update(&self.name, text.into(), self.revision).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(());
                }
                Err(error) => error,
            };
            // It may be there all the same, or the broker knows nothing any more.
            match self.runs.entry(&*self.name).await {
                Ok(Some(entry)) => {
                    self.is_own(&entry)?;
                    self.revision = entry.revision;
                }
                Ok(None) => self.revision = 0,
                Err(_) => {}
            }
            if begun.elapsed() > self.timeout {
                return Err(self.broker.lost(&error));
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }
}

/// Puts plugins where workers find them. That may take a while, in which the host goes on saying that it lives.
#[derive(Clone)]
pub(in crate::cluster) struct Uploader {
    context: Context,
    broker: Broker,
    durability: Durability,
    timeout: Duration,
}

impl Uploader {
    /// Puts functions' plugins where workers find them.
    pub(in crate::cluster) async fn upload_all(&self, functions: &[Arc<Core>]) -> Result<(), Error> {
        for core in functions {
            self.upload(core).await?;
        }
        Ok(())
    }

    /// Puts a function's plugin where workers find it, unless it is there.
    async fn upload(&self, core: &Core) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let Err(error) = self.try_upload(core).await? else { return Ok(()) };
            if begun.elapsed() > self.timeout {
                return Err(self.broker.lost(&*error));
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }

    /// The error within is the broker's, for which it is tried again.
    async fn try_upload(&self, core: &Core) -> Result<Result<(), async_nats::Error>, Error> {
        let plugin = &core.opening.plugin;
        let store = match subjects::plugins(&self.context, self.durability).await {
            Ok(store) => store,
            Err(error) => return Ok(Err(error)),
        };
        // One that was removed leaves a mark.
        if store.info(&plugin.hash).await.is_ok_and(|info| !info.deleted) {
            return Ok(Ok(()));
        }
        let bytes = crate::files::read_at_most(&plugin.path, plugin.size_limit).map_err(|source| {
            Error::File(FileError::Read { path: plugin.path.clone(), source: Arc::new(source) })
        })?;
        if *blake3::hash(&bytes).to_hex() != *plugin.hash {
            return Err(Error::Load(LoadError::Changed { path: plugin.path.clone() }));
        }
        let most = self.context.client().max_payload().saturating_sub(HEADER).clamp(1, CHUNK);
        let meta =
            ObjectMetadata { name: plugin.hash.clone(), chunk_size: Some(most), ..ObjectMetadata::default() };
        let put = store.put(meta, &mut bytes.as_slice()).await;
        Ok(put.map(drop).map_err(Into::into))
    }
}

/// Finds out whether a broker can do what a run wants of it.
pub(in crate::cluster) async fn prepare(context: &Context, cluster: &Cluster) -> Result<(), Error> {
    let Cluster { broker, durability, .. } = cluster;
    let address = || broker.to_string();
    let begun = Instant::now();
    while let Err(error) = context.query_account().await {
        match error.kind() {
            AccountErrorKind::JetStreamUnavailable => {
                return Err(Error::Broker(BrokerError::NoJetStream { address: address() }));
            }
            AccountErrorKind::JetStream(known) if NOTHING_KEPT.contains(&known.error_code()) => {
                return Err(Error::Broker(BrokerError::NoJetStream { address: address() }));
            }
            // Servers that have just begun choose a leader.
            _ if begun.elapsed() < ELECTION && broker.permits() => tokio::time::sleep(RETRY_WAIT).await,
            _ => return Err(broker.lost(&error)),
        }
    }
    let made = buckets(context, *durability).await;
    if durability.replicas == 1 {
        return made.map(drop).map_err(|error| broker.lost(&*error));
    }
    // Only servers of several have a name for what they are together.
    let known = context.get_stream(format!("KV_{WORKERS}")).await;
    match (made, known) {
        (_, Ok(stream)) if stream.cached_info().cluster.as_ref().is_none_or(|known| known.name.is_none()) => {
            Err(Error::Broker(BrokerError::NoReplicas { address: address() }))
        }
        (Err(error), _) if error.to_string().contains(NOT_CLUSTERED) => {
            Err(Error::Broker(BrokerError::NoReplicas { address: address() }))
        }
        (made, _) => made.map(drop).map_err(|error| broker.lost(&*error)),
    }
}

/// The buckets of runs and hosts; that of workers is made too.
async fn buckets(context: &Context, durability: Durability) -> Result<(Store, Store), async_nats::Error> {
    subjects::bucket(context, WORKERS, PRESENCE_EXPIRY, durability).await?;
    let runs = subjects::bucket(context, RUNS, Duration::ZERO, durability).await?;
    Ok((runs, subjects::bucket(context, HOSTS, PRESENCE_EXPIRY, durability).await?))
}

async fn take_over(
    runs: &Store,
    name: &str,
    ack_wait: Duration,
) -> Result<(Run, u64, Option<Machine>), async_nats::Error> {
    loop {
        let entry = runs.entry(name).await?;
        let known = entry.as_ref().filter(|entry| entry.operation == Operation::Put);
        let known = known.and_then(|entry| serde_json::from_slice::<Run>(&entry.value).ok());
        // Of a run that was deleted it is not known how many hosts it had: time goes on all the same.
        let epoch = known.as_ref().map_or_else(crate::cluster::epoch_of_now, |run| run.epoch + 1);
        let run = Run::new(epoch, ack_wait);
        let text = Bytes::from(serde_json::to_vec(&run)?);
        let put = runs.update(name, text, entry.map_or(0, |entry| entry.revision)).await;
        match put {
            Ok(revision) => return Ok((run, revision, known.map(|run| run.host))),
            // Another host was faster: it is taken over from that one.
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
            Err(error) => return Err(error.into()),
        }
    }
}
