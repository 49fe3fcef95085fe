//! The sink `nats`: publishes records to a JetStream stream.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::publisher::Publisher;
use crate::FaultPolicy;
use crate::broker::Broker;
use crate::connectors::support::consumers::records;
use crate::deadlines::BROKER_AWAY;
use crate::graph::{Sink, Stream};
use crate::record::Record;

/// Publishes each record to a subject of a JetStream stream, in the order of the records.
///
/// The stream acknowledges each message. A close returns when all are acknowledged, and a source that acknowledges its
/// own messages waits for that too. If the stream is full and discards nothing, the sink waits, and with it the source.
///
/// If the broker can't be reached for a while, messages that it has not acknowledged are published again with the same
/// id: each is stored at least once, and once only within the stream's duplicate window.
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
/// use engine::{Source, sinks};
///
/// let source = Source::new();
/// source.stream().sink(sinks::nats("nats://127.0.0.1:4222".parse()?, "orders.new"));
/// source.emit(r#"{"item":1}"#.to_owned()).await?;
/// source.close().await?; // the stream has it
/// # Ok(()) }
/// ```
pub fn nats(broker: Broker, subject: impl Into<String>) -> Nats {
    Nats {
        broker,
        subject: subject.into(),
        id: None,
        in_flight: 256,
        timeout: BROKER_AWAY.time,
        policy: FaultPolicy::stop(),
    }
}

/// See [`nats`].
#[derive(Clone)]
pub struct Nats {
    pub(super) broker: Broker,
    pub(super) subject: String,
    pub(super) id: Option<Arc<Id>>,
    pub(super) in_flight: usize,
    pub(super) timeout: Duration,
    policy: FaultPolicy,
}

pub(super) type Id = dyn Fn(&[u8]) -> Result<String, String> + Send + Sync;

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Nats {
    /// Gives each record the id that `id` returns: of two with the same id within its duplicate window the stream keeps
    /// only the first, even from different runs. If `id` returns an error, the record is a fault, and that is the reason.
    /// By default each record has an id of its own in each run.
    #[must_use]
    pub fn id(mut self, id: impl Fn(&[u8]) -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.id = Some(Arc::new(id));
        self
    }

    /// Keeps up to this many messages in flight. 256 by default.
    #[must_use]
    pub fn in_flight(mut self, messages: NonZeroUsize) -> Self {
        self.in_flight = messages.get().min(tokio::sync::Semaphore::MAX_PERMITS / 2);
        self
    }

    /// Fails the run if a broker that was connected can't be reached for this long. 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says what happens to a record that has no id, or is larger than the broker allows. By default the run ends.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl<T: Record> Sink<T> for Nats {
    fn attach(self, stream: Stream<T>) {
        let policy = self.policy.clone();
        stream.sink(records(Publisher::new(self)).on_fault(&policy));
    }
}
