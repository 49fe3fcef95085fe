//! What a cluster needs of a broker, as traits with plain data: the host, the workers and the views know no client.
//!
//! `nats/` implements them over JetStream, and `memory/` in memory, for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::Error;

/// The wait before something that failed is tried again.
pub(super) const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Why a broker did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TransportError {
    /// The broker answers, and says that there is no such thing.
    #[error("{0}")]
    Missing(String),
    /// Another process was faster.
    #[error("{0}")]
    Conflict(String),
    /// The broker answers, and does not do it.
    #[error("{0}")]
    Refused(String),
    /// The broker does not answer, or anything else went wrong.
    #[error("{0}")]
    Failed(String),
}

/// A small table that all processes of a cluster share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// What workers have to know of each run, by its name.
    Runs,
    /// The hosts that live, by their runs' names. Entries expire.
    Hosts,
    /// The workers that live, by their names. Entries expire.
    Workers,
}

/// An entry of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// None if the entry was deleted.
    pub(super) value: Option<Bytes>,
    /// Rises with each change of the table.
    pub(super) revision: u64,
    pub(super) created: SystemTime,
}

/// A change of a table: a key and its new value, none if the key was deleted.
pub(super) type Change = (String, Option<Bytes>);

/// A message from the broker, and how to answer it.
pub(super) struct Delivery {
    pub(super) payload: Bytes,
    /// How often it was delivered by now.
    pub(super) deliveries: u64,
    pub(super) receipt: Arc<dyn Receipt>,
}

/// Messages as they come. After an error the subscription is gone.
pub(super) type DeliveryStream = BoxStream<'static, Result<Delivery, TransportError>>;

/// What the broker may learn of a message that it delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It is done with, and not delivered again.
    Done,
    /// Work goes on: no other worker gets it yet.
    InProgress,
    /// Another worker gets it, or this one after a while.
    Later(Duration),
    /// It can't be read, and is not delivered again.
    Unreadable,
}

/// Answers one message.
#[async_trait]
pub(super) trait Receipt: Send + Sync {
    /// Tells the broker. A reply that is lost means that the message comes again.
    async fn reply(&self, reply: Reply);
}

/// What came of publishing a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// The broker has it, at this sequence number of the run's tasks.
    At(u64),
    /// The run has no queue of tasks.
    NoQueue,
    /// There is no room now, or no answer.
    Refused,
}

/// A process's connection to the broker.
#[async_trait]
pub(super) trait Transport: Send + Sync {
    /// Where the broker is, for people.
    fn address(&self) -> String;

    /// How many bytes a message may have.
    fn most_bytes(&self) -> usize;

    /// The run's error for a broker that failed.
    fn failed(&self, error: &TransportError) -> Error;

    /// The run's error for a broker that has been silent for this time.
    fn silent(&self, timeout: Duration) -> Error;

    /// Opens a table, which is [missing](TransportError::Missing) before the first host made it.
    async fn table(&self, table: Table) -> Result<Arc<dyn KeyValue>, TransportError>;

    /// Makes the tables that are missing.
    async fn make_tables(&self) -> Result<(), TransportError>;

    /// The queues of a run, whether they are there or not.
    fn queues(&self, run: &str) -> Arc<dyn Queues>;

    /// Queues that are there, with the runs that they belong to.
    async fn all_queues(&self) -> Vec<(String, String)>;

    /// Removes a queue of [`Transport::all_queues`], and says whether it did.
    async fn remove_queue(&self, queue: &str) -> bool;

    /// Where plugins are kept.
    fn plugins(&self) -> Arc<dyn PluginStore>;

    /// Waits until the broker has what was sent.
    async fn flush(&self);
}

/// An open table.
#[async_trait]
pub(super) trait KeyValue: Send + Sync {
    async fn entry(&self, key: &str) -> Result<Option<Entry>, TransportError>;

    /// All entries that are not deleted, in the order of their keys.
    async fn entries(&self) -> Result<Vec<(String, Entry)>, TransportError>;

    async fn put(&self, key: &str, value: Bytes) -> Result<(), TransportError>;

    /// Writes an entry if the latest one has this revision, 0 for none, and returns its own; else it is a
    /// [conflict](TransportError::Conflict).
    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, TransportError>;

    /// Deletes an entry: the latest one, or the one of this revision alone.
    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), TransportError>;

    /// All that is there, and then each change.
    async fn watch(&self) -> Option<BoxStream<'static, Result<Change, TransportError>>>;
}

/// The two queues of a run: tasks for workers, and their results for the host.
#[async_trait]
pub(super) trait Queues: Send + Sync {
    /// Makes the queues, unless they are there. Returns how many bytes of results there is room for.
    async fn make(&self, epoch: u64, ack_wait: Duration) -> Result<usize, TransportError>;

    /// Removes the queues, and all that is in them.
    async fn remove(&self);

    /// Publishes a task. The broker takes a second one of the same `id` for the first.
    async fn publish_task(&self, epoch: u64, id: &str, task: Bytes) -> Published;

    /// Whether the broker still has a task; none if it does not say.
    async fn has_task(&self, sequence: u64, id: &str) -> Option<bool>;

    /// Results for the host of this epoch; none if there is no queue of them.
    async fn results(&self, epoch: u64) -> Option<DeliveryStream>;

    /// Tasks for a worker; none if there is no queue of them.
    async fn tasks(&self) -> Option<Box<dyn TaskQueue>>;

    /// Sends a part of a result; what is returned says later whether the broker has it.
    async fn send_result(&self, epoch: u64, id: &str, part: Bytes) -> BoxFuture<'static, bool>;

    /// How many tasks, and how many parts of results, are there; none if the broker does not say.
    async fn waiting(&self) -> (Option<u64>, Option<u64>);
}

/// The tasks of a run, for a worker.
#[async_trait]
pub(super) trait TaskQueue: Send + Sync {
    /// Asks for as many tasks, which end after `wait`; none if the broker can't be asked.
    async fn ask(&self, most: usize, wait: Duration) -> Option<DeliveryStream>;
}

/// Plugins by their hashes.
#[async_trait]
pub(super) trait PluginStore: Send + Sync {
    async fn has(&self, hash: &str) -> Result<bool, TransportError>;

    async fn put(&self, hash: &str, plugin: &[u8]) -> Result<(), TransportError>;

    /// The bytes under a hash, no more than `most`. They may be others than were put there.
    async fn get(&self, hash: &str, most: u64) -> Result<Vec<u8>, TransportError>;

    /// The hashes of all plugins, as far as the broker says.
    async fn hashes(&self) -> Vec<String>;

    /// Removes a plugin, and says whether it did.
    async fn remove(&self, hash: &str) -> bool;
}
