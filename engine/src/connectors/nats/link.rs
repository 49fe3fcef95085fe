//! What sources and sinks share that use a NATS server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::{Context, ContextBuilder};
use tokio::time::Instant;

use crate::Error;
use crate::broker::Broker;
use crate::deadlines::BROKER_ANSWER;

/// Answers come by subjects that begin so, as clients have it that say nothing.
const INBOX: &str = "_INBOX";

/// After this something that failed is tried again.
pub(crate) const AGAIN: Duration = Duration::from_millis(200);

/// A broker that may go away for some time.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) context: Context,
    broker: Broker,
    timeout: Duration,
    away: Away,
}

/// Since when a broker does not do what it is asked, of one kind of thing.
#[derive(Default)]
pub(crate) struct Away(Mutex<Option<Instant>>);

impl Link {
    /// Connects to a broker that may be away for `timeout` later; so many answers may be under way.
    pub(crate) async fn to(broker: &Broker, timeout: Duration, answers: usize) -> Result<Self, Error> {
        let client = broker.connect("engine", INBOX, |_| {}).await?;
        let context =
            ContextBuilder::new().timeout(BROKER_ANSWER.time).max_ack_inflight(answers).build(client.clone());
        Ok(Self { client, context, broker: broker.clone(), timeout, away: Away::default() })
    }

    pub(crate) fn address(&self) -> String {
        self.broker.to_string()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// It did what it was asked.
    pub(crate) fn heard(&self) {
        self.away.heard();
    }

    /// It did not.
    ///
    /// # Errors
    ///
    /// If that has been so for too long.
    pub(crate) fn missed(&self) -> Result<(), Error> {
        self.away.missed(self)
    }

    /// The same, with why it may have been.
    pub(crate) fn failed(&self, source: &impl std::error::Error) -> Error {
        self.broker.lost(source)
    }
}

impl Away {
    /// It did what it was asked.
    pub(crate) fn heard(&self) {
        *self.since() = None;
    }

    /// It did not.
    ///
    /// # Errors
    ///
    /// If that has been so for too long.
    pub(crate) fn missed(&self, link: &Link) -> Result<(), Error> {
        let since = *self.since().get_or_insert_with(Instant::now);
        if since.elapsed() < link.timeout { Ok(()) } else { Err(link.broker.gone(link.timeout)) }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
