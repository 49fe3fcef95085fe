//! Where things are in the broker: streams, subjects, buckets, and how they are made.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::kv::{self, Store};
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ContextBuilder, ErrorCode};

use crate::cluster::host::membership::MOST;
use crate::deadlines::BROKER_ANSWER;

/// Runs that there are, each by its name.
pub(in crate::cluster) const RUNS: &str = "engine-runs";
/// Hosts and workers that live, each by its name: an entry that is not written again is gone after [`PRESENCE_EXPIRY`].
pub(in crate::cluster) const HOSTS: &str = "engine-hosts";
pub(in crate::cluster) const WORKERS: &str = "engine-workers";
/// Plugins, each by its hash.
pub(in crate::cluster) const PLUGINS: &str = "engine-plugins";

/// Who is silent for so long is taken for gone.
pub(in crate::cluster) const PRESENCE_EXPIRY: Duration = Duration::from_secs(15);

/// After this something that failed is asked for again.
pub(in crate::cluster) const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Hosts and workers say so often that they live.
pub(in crate::cluster) const HEARTBEAT: Duration = Duration::from_secs(2);

/// Answers to hosts and to workers come by subjects that begin so.
pub(in crate::cluster) const HOST_INBOX: &str = "engine.inbox.host";
pub(in crate::cluster) const WORKER_INBOX: &str = "engine.inbox.worker";

/// The workers' consumer of a run's tasks.
pub(in crate::cluster) const WORKERS_CONSUMER: &str = "workers";

/// What the streams of a run are called begins so.
const TASKS: &str = "ENGINE_TASKS_";
const RESULTS: &str = "ENGINE_RESULTS_";

/// The broker keeps a result for so long.
const RESULTS_AGE: Duration = Duration::from_secs(600);

/// Tasks and results that wait have at most so many bytes each: the first of these that the broker has room for.
const ROOMS: [i64; 4] = [256 << 20, 64 << 20, 16 << 20, 4 << 20];

/// How streams keep what they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Durability {
    /// In memory alone: faster, and gone with the broker. A run goes on all the same, since its host gives out again
    /// what is lost.
    pub(in crate::cluster) memory: bool,
    /// On so many of the broker's servers: 1, 3 or 5.
    pub(in crate::cluster) replicas: usize,
}

impl Default for Durability {
    fn default() -> Self {
        Self { memory: false, replicas: 1 }
    }
}

/// The streams of a run.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Subjects {
    pub(in crate::cluster) run: String,
    durability: Durability,
}

impl Subjects {
    pub(in crate::cluster) fn new(run: &str, durability: Durability) -> Self {
        Self { run: run.to_owned(), durability }
    }

    pub(in crate::cluster) fn tasks(&self) -> String {
        format!("{TASKS}{}", self.run)
    }

    pub(in crate::cluster) fn results(&self) -> String {
        format!("{RESULTS}{}", self.run)
    }

    /// The run that a stream belongs to, if it is one of a run.
    pub(in crate::cluster) fn run_of(stream: &str) -> Option<&str> {
        stream.strip_prefix(TASKS).or_else(|| stream.strip_prefix(RESULTS))
    }

    pub(in crate::cluster) fn task_subject(&self, epoch: u64) -> String {
        format!("engine.task.{}.{epoch}", self.run)
    }

    pub(in crate::cluster) fn result_subject(&self, epoch: u64) -> String {
        format!("engine.result.{}.{epoch}", self.run)
    }

    fn storage(&self) -> StorageType {
        if self.durability.memory { StorageType::Memory } else { StorageType::File }
    }

    /// A queue: what is acknowledged is gone, and a full one takes nothing more.
    fn queue(&self, name: String, subject: String, room: i64) -> stream::Config {
        // What a worker has left for a host that is no more is in nobody's way for ever; a result that somebody
        // waits for is made again.
        let max_age = if name == self.results() { RESULTS_AGE } else { Duration::ZERO };
        stream::Config {
            max_age,
            name,
            subjects: vec![subject],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_bytes: room,
            storage: self.storage(),
            num_replicas: self.durability.replicas,
            duplicate_window: Duration::from_secs(120),
            allow_direct: true,
            ..stream::Config::default()
        }
    }

    /// Makes a queue, unless it is there.
    async fn make_queue(
        &self,
        broker: &Context,
        name: String,
        subject: String,
    ) -> Result<stream::Stream, CreateStreamError> {
        let [first, rest @ ..] = ROOMS;
        let mut made = broker.get_or_create_stream(self.queue(name.clone(), subject.clone(), first)).await;
        for room in rest {
            match made {
                Err(error) if lacks_room(&error) => {}
                _ => return made,
            }
            made = broker.get_or_create_stream(self.queue(name.clone(), subject.clone(), room)).await;
        }
        made
    }

    /// Makes the streams and their consumers, unless they are there. Done again whenever one of them is missing.
    /// Returns how many bytes there is room for of results.
    pub(in crate::cluster) async fn make(
        &self,
        broker: &Context,
        epoch: u64,
        ack_wait: Duration,
    ) -> Result<usize, async_nats::Error> {
        let (tasks, results) = (self.tasks(), self.results());
        let tasks = self.make_queue(broker, tasks, format!("engine.task.{}.*", self.run)).await?;
        let results = self.make_queue(broker, results, format!("engine.result.{}.*", self.run)).await?;
        let takers = pull::Config {
            durable_name: Some(WORKERS_CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let host = pull::Config {
            durable_name: Some(host_consumer(epoch)),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: -1,
            filter_subject: self.result_subject(epoch),
            ..pull::Config::default()
        };
        tasks.get_or_create_consumer(WORKERS_CONSUMER, takers).await?;
        results.get_or_create_consumer(&host_consumer(epoch), host).await?;
        Ok(usize::try_from(results.cached_info().config.max_bytes).unwrap_or(0))
    }

    /// Removes the streams, and with them all that is in them.
    pub(in crate::cluster) async fn remove(&self, broker: &Context) {
        for stream in [self.tasks(), self.results()] {
            // It may be gone, or the broker.
            let _ = broker.delete_stream(stream).await;
        }
    }
}

/// JetStream with room for all that may be out.
pub(in crate::cluster) fn context(client: Client) -> Context {
    ContextBuilder::new().timeout(BROKER_ANSWER.time).max_ack_inflight(2 * MOST).build(client)
}

/// Whether runs and workers may be called so: then it is part of a subject, and shown as it is.
pub(in crate::cluster) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 128 && text.chars().all(fits)
}

/// Whether the broker, or the account, has no room for a stream as large as this.
fn lacks_room(error: &CreateStreamError) -> bool {
    let CreateStreamErrorKind::JetStream(error) = error.kind() else { return false };
    matches!(error.error_code(), ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::MEMORY_RESOURCES_EXCEEDED)
}

/// The consumer that a host has results by.
pub(in crate::cluster) fn host_consumer(epoch: u64) -> String {
    format!("host-{epoch}")
}

/// A bucket for small things, made if it is not there.
pub(in crate::cluster) async fn bucket(
    broker: &Context,
    name: &str,
    max_age: Duration,
    durability: Durability,
) -> Result<Store, async_nats::Error> {
    if let Ok(store) = broker.get_key_value(name).await {
        return Ok(store);
    }
    let config = kv::Config {
        bucket: name.to_owned(),
        history: 1,
        max_age,
        num_replicas: durability.replicas,
        ..kv::Config::default()
    };
    match broker.create_key_value(config).await {
        Ok(store) => Ok(store),
        // Somebody else was faster, with other wishes.
        Err(error) => broker.get_key_value(name).await.map_err(|_| error.into()),
    }
}

/// The bucket for plugins, made if it is not there.
pub(in crate::cluster) async fn plugins(
    broker: &Context,
    durability: Durability,
) -> Result<ObjectStore, async_nats::Error> {
    if let Ok(store) = broker.get_object_store(PLUGINS).await {
        return Ok(store);
    }
    let config = object_store::Config {
        bucket: PLUGINS.to_owned(),
        num_replicas: durability.replicas,
        ..object_store::Config::default()
    };
    match broker.create_object_store(config).await {
        Ok(store) => Ok(store),
        Err(error) => broker.get_object_store(PLUGINS).await.map_err(|_| error.into()),
    }
}
