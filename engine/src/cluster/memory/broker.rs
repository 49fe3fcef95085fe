//! A broker in memory, and connections to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::queues::RunQueues;
use super::tables::OpenTable;
use crate::Error;
use crate::cluster::transport::{Entry, KeyValue, PluginStore, Queues, Table, Transport, TransportError};
use crate::error::BrokerError;

/// How many bytes a message may have.
const MESSAGE_BYTES: usize = 1 << 20;

/// A connection to a broker in memory.
#[derive(Clone)]
pub(in crate::cluster) struct Connection {
    broker: Arc<Broker>,
    line: Arc<Line>,
}

struct Broker {
    contents: Mutex<Contents>,
    /// Changes with the contents.
    changed: watch::Sender<()>,
}

/// All that the broker keeps.
#[derive(Default)]
pub(super) struct Contents {
    /// The number of the latest change.
    pub(super) revision: u64,
    pub(super) tables: BTreeMap<Table, BTreeMap<String, Entry>>,
    /// The queues of each run, by its name.
    pub(super) queues: BTreeMap<String, RunQueues>,
    pub(super) plugins: BTreeMap<String, Vec<u8>>,
}

/// What one connection may still do.
struct Line {
    cut: CancellationToken,
    /// The results that get through before the connection is cut.
    results: AtomicUsize,
}

impl Line {
    fn new(results: usize) -> Arc<Self> {
        Arc::new(Self { cut: CancellationToken::new(), results: results.into() })
    }
}

impl Contents {
    /// The number of another change.
    pub(super) fn next(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }
}

impl Connection {
    /// A connection to a broker that has nothing yet.
    pub(in crate::cluster) fn new() -> Self {
        let broker = Broker { contents: Mutex::default(), changed: watch::Sender::new(()) };
        Self { broker: Arc::new(broker), line: Line::new(usize::MAX) }
    }

    /// Another connection to the same broker, as of a process that dies when it sends its next result after `results`
    /// of them.
    pub(in crate::cluster) fn cut_after(&self, results: usize) -> Self {
        Self { broker: self.broker.clone(), line: Line::new(results) }
    }

    /// Waits until the connection is cut.
    pub(in crate::cluster) async fn wait_for_cut(&self) {
        self.line.cut.cancelled().await;
    }

    /// Makes the broker lose everything.
    pub(in crate::cluster) fn wipe(&self) {
        let _ = self.change(|contents| {
            let revision = contents.next();
            *contents = Contents { revision, ..Contents::default() };
        });
    }

    /// Counts a result, and cuts the connection if it is one too many.
    pub(super) fn count_result(&self) {
        if self.line.results.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            self.line.cut.cancel();
        }
    }

    /// Reads what the broker has, unless the connection is cut.
    pub(super) fn contents(&self) -> Result<MutexGuard<'_, Contents>, TransportError> {
        if self.line.cut.is_cancelled() {
            return Err(TransportError::Failed("the connection is cut".to_owned()));
        }
        Ok(self.broker.contents.lock().unwrap())
    }

    /// Changes what the broker has, and tells those who wait for that.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T, TransportError> {
        let changed = change(&mut *self.contents()?);
        self.broker.changed.send_replace(());
        Ok(changed)
    }

    /// Changes of the contents from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.broker.changed.subscribe()
    }
}

pub(super) fn missing(what: &str) -> TransportError {
    TransportError::Missing(format!("there is no {what}"))
}

#[async_trait]
impl Transport for Connection {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn most_bytes(&self) -> usize {
        MESSAGE_BYTES
    }

    fn failed(&self, error: &TransportError) -> Error {
        let (address, source) = (self.address(), Arc::new(error.clone()));
        Error::Broker(BrokerError::Unreachable { address, source })
    }

    fn silent(&self, timeout: Duration) -> Error {
        Error::Broker(BrokerError::NoAnswer { address: self.address(), timeout })
    }

    async fn table(&self, table: Table) -> Result<Arc<dyn KeyValue>, TransportError> {
        match self.contents()?.tables.contains_key(&table) {
            true => Ok(Arc::new(OpenTable { connection: self.clone(), table })),
            false => Err(missing("table")),
        }
    }

    async fn make_tables(&self) -> Result<(), TransportError> {
        self.change(|contents| {
            for table in [Table::Runs, Table::Hosts, Table::Workers] {
                contents.tables.entry(table).or_default();
            }
        })
    }

    fn queues(&self, run: &str) -> Arc<dyn Queues> {
        Arc::new(super::queues::OfRun { connection: self.clone(), run: run.to_owned() })
    }

    async fn all_queues(&self) -> Vec<(String, String)> {
        let runs = self.contents().map(|contents| contents.queues.keys().cloned().collect());
        let runs: Vec<String> = runs.unwrap_or_default();
        runs.into_iter().map(|run| (run.clone(), run)).collect()
    }

    async fn remove_queue(&self, queue: &str) -> bool {
        self.change(|contents| contents.queues.remove(queue).is_some()).unwrap_or(false)
    }

    fn plugins(&self) -> Arc<dyn PluginStore> {
        Arc::new(self.clone())
    }

    async fn flush(&self) {}
}
