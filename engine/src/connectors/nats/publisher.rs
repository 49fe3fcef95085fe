//! Publishes messages in order, and publishes again those that the stream did not take.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::connection::{NatsConnection, RETRY_AFTER};
use super::sink::Nats;
use crate::Error;
use crate::connectors::support::consumers::{Consumer, Records, Refusal};
use crate::deadlines::BROKER_ANSWER;
use crate::error::BrokerError;

/// The most bytes of messages in flight, unless one is larger.
const IN_FLIGHT_BYTES: usize = 8 << 20;

/// How long to wait before publishing again to a stream that is full.
const FULL: Duration = Duration::from_millis(100);

/// Keeps messages in flight until the stream has acknowledged them.
pub(super) struct Publisher {
    nats: Nats,
    /// The start of this run's ids.
    run: String,
    next: u64,
    connection: Option<Arc<NatsConnection>>,
    /// The stream has taken a message.
    begun: bool,
    /// Messages that the stream has not acknowledged, in order.
    in_flight: VecDeque<Published>,
    bytes: usize,
}

#[derive(Clone)]
struct Message {
    id: String,
    payload: Bytes,
}

struct Published {
    message: Message,
    answer: Answer,
}

type Answer = Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>;

impl Publisher {
    pub(super) fn new(nats: Nats) -> Self {
        let run = format!("engine-{:016x}", crate::cluster::random());
        Self { nats, run, next: 0, connection: None, begun: false, in_flight: VecDeque::new(), bytes: 0 }
    }

    async fn connection(&mut self) -> Result<Arc<NatsConnection>, Error> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        // Messages that are published again need room beside those in flight.
        let connection = Arc::new(
            NatsConnection::to(&self.nats.broker, self.nats.timeout, 2 * self.nats.in_flight).await?,
        );
        Ok(self.connection.insert(connection).clone())
    }

    fn id_of(&mut self, record: &[u8]) -> Result<String, String> {
        self.next += 1;
        let Some(id) = &self.nats.id else { return Ok(format!("{}-{}", self.run, self.next)) };
        let id = id(record)?;
        // The id goes into a header.
        let fits = !id.is_empty() && !id.chars().any(char::is_control);
        fits.then_some(id).ok_or_else(|| "its id is empty, or has control characters".to_owned())
    }

    async fn take_one(&mut self, connection: &NatsConnection, record: &[u8]) -> Result<(), Refusal> {
        let id = self.id_of(record).map_err(Refusal::fault)?;
        let message = Message { id, payload: Bytes::copy_from_slice(record) };
        while self.in_flight.len() >= self.nats.in_flight
            || self.bytes + record.len() > IN_FLIGHT_BYTES && self.bytes > 0
        {
            self.confirm(connection).await?;
        }
        // If a message is lost or refused, those after it are refused too, so that they keep their order.
        let before = self.in_flight.back().map(|last| last.message.id.clone());
        let answer = match self.nats.publish(connection, &message, before.as_deref()).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let most = connection.client.max_payload();
                return Err(Refusal::fault(format!(
                    "it is larger than the broker takes, which is {most} bytes"
                )));
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        };
        self.bytes += message.payload.len();
        self.in_flight.push_back(Published { message, answer });
        Ok(())
    }

    /// Waits until the stream has acknowledged the first message in flight.
    async fn confirm(&mut self, connection: &NatsConnection) -> Result<(), Error> {
        let Some(Published { message, answer }) = self.in_flight.pop_front() else { return Ok(()) };
        self.bytes -= message.payload.len();
        match answer.await {
            Ok(_) => {
                connection.answered();
                self.begun = true;
                Ok(())
            }
            Err(error) => self.publish_again(connection, message, error).await,
        }
    }

    /// Publishes again a message that the stream did not take, and those that were in flight after it, one after another.
    async fn publish_again(
        &mut self,
        connection: &NatsConnection,
        first: Message,
        error: PublishError,
    ) -> Result<(), Error> {
        let others = std::mem::take(&mut self.in_flight);
        self.bytes = 0;
        let others = others.into_iter().map(|Published { message, answer }| async move {
            answer.await.err().map(|error| (message, error))
        });
        let failed = join_all(others).await.into_iter().flatten();
        for (message, mut error) in std::iter::once((first, error)).chain(failed) {
            loop {
                self.nats.wait_after(connection, error, self.begun).await?;
                let answer = match self.nats.publish(connection, &message, None).await {
                    Ok(answer) => answer.await,
                    Err(error) => Err(error),
                };
                match answer {
                    Ok(_) => break,
                    Err(again) => error = again,
                }
            }
            connection.answered();
            self.begun = true;
        }
        Ok(())
    }

    async fn confirm_all(&mut self) -> Result<(), Error> {
        let Some(connection) = self.connection.clone() else { return Ok(()) };
        while !self.in_flight.is_empty() {
            self.confirm(&connection).await?;
        }
        Ok(())
    }
}

/// The error code with which the stream refused a message.
fn refusal(error: &PublishError) -> Option<ErrorCode> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

/// Whether the stream may have room later.
fn is_full(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::STREAM_STORE_FAILED
            | ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
    )
}

impl Consumer<Records> for Publisher {
    async fn take(&mut self, records: Records) -> Result<(), Refusal> {
        let connection = self.connection().await?;
        for (index, record) in records.iter().enumerate() {
            self.take_one(&connection, record).await.map_err(|refusal| refusal.at(index))?;
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.confirm_all().await
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.confirm_all().await
    }

    fn name(&self) -> &str {
        "nats"
    }
}

impl Nats {
    /// Publishes a message. If `after` is an id, the stream takes it only directly after the message with that id.
    async fn publish(
        &self,
        connection: &NatsConnection,
        message: &Message,
        after: Option<&str>,
    ) -> Result<Answer, PublishError> {
        let mut publish = PublishMessage::build().payload(message.payload.clone()).message_id(&message.id);
        if let Some(id) = after {
            publish = publish.expected_last_message_id(id);
        }
        let sending = connection.context.send_publish(self.subject.clone(), publish);
        // A client that is not connected may have no room for the message.
        let sent = BROKER_ANSWER.within(&connection.address(), sending).await;
        let answer = sent.map_err(|_| PublishError::new(PublishErrorKind::TimedOut))??;
        Ok(answer.into_future())
    }

    /// Waits until another attempt may succeed. If `begun`, the stream has taken a message of this subject before.
    async fn wait_after(
        &self,
        connection: &NatsConnection,
        error: PublishError,
        begun: bool,
    ) -> Result<(), Error> {
        match (error.kind(), refusal(&error)) {
            (PublishErrorKind::WrongLastMessageId, _) => {}
            (PublishErrorKind::StreamNotFound, _) if !begun => {
                return Err(Error::Broker(BrokerError::NoSubject {
                    address: connection.address(),
                    subject: self.subject.clone(),
                }));
            }
            (_, Some(code)) if is_full(code) => {
                connection.answered();
                sleep(FULL).await;
            }
            (_, Some(_)) => {
                return Err(Error::Broker(BrokerError::Publish {
                    subject: self.subject.clone(),
                    source: Arc::new(error),
                }));
            }
            _ => {
                connection.unanswered()?;
                sleep(RETRY_AFTER).await;
            }
        }
        while !connection.is_connected() {
            connection.unanswered()?;
            sleep(RETRY_AFTER).await;
        }
        Ok(())
    }
}
