//! A connection to a NATS server, and how long the server has not answered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::{Context, ContextBuilder};
use tokio::time::Instant;

use crate::Error;
use crate::broker::Broker;
use crate::deadlines::BROKER_ANSWER;

/// The prefix of the subjects on which answers come: the client's default.
const INBOX: &str = "_INBOX";

/// How long to wait before trying again what failed.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A connection to a broker that may be unreachable for some time.
pub(crate) struct NatsConnection {
    pub(crate) client: Client,
    pub(crate) context: Context,
    broker: Broker,
    timeout: Duration,
    silence: Silence,
}

/// Since when the broker has not answered one kind of request.
#[derive(Default)]
pub(crate) struct Silence(Mutex<Option<Instant>>);

impl NatsConnection {
    /// Connects to a broker, which may be unreachable for `timeout` later. Up to `answers` acknowledgements of published
    /// messages may be outstanding.
    pub(crate) async fn to(broker: &Broker, timeout: Duration, answers: usize) -> Result<Self, Error> {
        let client = broker.connect("engine", INBOX, |_| {}).await?;
        let context =
            ContextBuilder::new().timeout(BROKER_ANSWER.time).max_ack_inflight(answers).build(client.clone());
        Ok(Self { client, context, broker: broker.clone(), timeout, silence: Silence::default() })
    }

    pub(crate) fn address(&self) -> String {
        self.broker.to_string()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The broker has answered.
    pub(crate) fn answered(&self) {
        self.silence.answered();
    }

    /// The broker has not answered.
    ///
    /// # Errors
    ///
    /// If it has not for longer than the timeout.
    pub(crate) fn unanswered(&self) -> Result<(), Error> {
        self.silence.unanswered(self)
    }

    /// The error of a request that failed for this reason.
    pub(crate) fn failed(&self, source: &impl std::error::Error) -> Error {
        self.broker.lost(source)
    }
}

impl Silence {
    /// The broker has answered.
    pub(crate) fn answered(&self) {
        *self.since() = None;
    }

    /// The broker has not answered.
    ///
    /// # Errors
    ///
    /// If it has not for longer than the timeout.
    pub(crate) fn unanswered(&self, connection: &NatsConnection) -> Result<(), Error> {
        let since = *self.since().get_or_insert_with(Instant::now);
        if since.elapsed() < connection.timeout {
            Ok(())
        } else {
            Err(connection.broker.gone(connection.timeout))
        }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
