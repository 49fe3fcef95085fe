//! Records published to a stream of a NATS server.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
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

use crate::broker::Broker;
use crate::connectors::nats::link::{AGAIN, Link};
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::deadlines::{BROKER_ANSWER, BROKER_AWAY};
use crate::error::BrokerError;
use crate::graph::{Sink, Stream};
use crate::record::Record;
use crate::{Error, FaultPolicy};

/// Messages that are under way have about so many bytes at most, unless one is larger.
const ROOM: usize = 8 << 20;

/// How often a stream without room is asked again.
const FULL: Duration = Duration::from_millis(100);

/// A sink that publishes each record to a subject, of which a JetStream stream keeps the messages.
///
/// Records are stored in their order, and each is acknowledged by the stream: a close waits for that, and
/// so does a source that acknowledges what is out. A stream that has no room and discards nothing holds the source back. A broker that
/// goes away is waited for; what it has not acknowledged is published again, and known by its id, so that it is
/// stored once if that is within the stream's duplicate window.
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
    broker: Broker,
    subject: String,
    id: Option<Arc<Id>>,
    in_flight: usize,
    timeout: Duration,
    policy: FaultPolicy,
}

type Id = dyn Fn(&[u8]) -> Result<String, String> + Send + Sync;

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Nats {
    /// The same; `id` says by what a stream knows each record: of two with the same id within its duplicate window it
    /// keeps the first, whatever runs they come from. A record that has none, for the reason returned, is a fault. If
    /// not said, a record has an id of its own in each run.
    #[must_use]
    pub fn id(mut self, id: impl Fn(&[u8]) -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.id = Some(Arc::new(id));
        self
    }

    /// The same; so many messages are under way at once. 256 by default.
    #[must_use]
    pub fn in_flight(mut self, messages: NonZeroUsize) -> Self {
        self.in_flight = messages.get().min(tokio::sync::Semaphore::MAX_PERMITS / 2);
        self
    }

    /// The same; a broker that was there and can't be reached for so long ends the run. 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same; `policy` says what becomes of a record that is larger than the broker takes, or has no id. The run
    /// ends by default.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl Nats {
    /// Publishes a message: only after the one with the id `behind`, if there is one.
    async fn publish(
        &self,
        link: &Link,
        message: &Message,
        behind: Option<&str>,
    ) -> Result<Answer, PublishError> {
        let mut publish = PublishMessage::build().payload(message.payload.clone()).message_id(&message.id);
        if let Some(id) = behind {
            publish = publish.expected_last_message_id(id);
        }
        let sending = link.context.send_publish(self.subject.clone(), publish);
        // A client that is not connected may have no room for it.
        let sent = BROKER_ANSWER.within(&link.address(), sending).await;
        let answer = sent.map_err(|_| PublishError::new(PublishErrorKind::TimedOut))??;
        Ok(answer.into_future())
    }

    /// Waits until another try may succeed. If `begun`, the subject has been taken before.
    async fn wait_after(&self, link: &Link, error: PublishError, begun: bool) -> Result<(), Error> {
        match (error.kind(), refusal(&error)) {
            (PublishErrorKind::WrongLastMessageId, _) => {}
            (PublishErrorKind::StreamNotFound, _) if !begun => {
                return Err(Error::Broker(BrokerError::NoSubject {
                    address: link.address(),
                    subject: self.subject.clone(),
                }));
            }
            (_, Some(code)) if is_full(code) => {
                link.heard();
                sleep(FULL).await;
            }
            (_, Some(_)) => {
                return Err(Error::Broker(BrokerError::Publish {
                    subject: self.subject.clone(),
                    source: Arc::new(error),
                }));
            }
            _ => {
                link.missed()?;
                sleep(AGAIN).await;
            }
        }
        while !link.is_connected() {
            link.missed()?;
            sleep(AGAIN).await;
        }
        Ok(())
    }
}

impl<T: Record> Sink<T> for Nats {
    fn attach(self, stream: Stream<T>) {
        let policy = self.policy.clone();
        let run = format!("engine-{:016x}", crate::cluster::random());
        let writer =
            Writer { nats: self, run, next: 0, link: None, heard: false, window: VecDeque::new(), bytes: 0 };
        stream.sink(records(writer).on_fault(&policy));
    }
}

struct Writer {
    nats: Nats,
    /// What the ids of this run begin with.
    run: String,
    next: u64,
    link: Option<Arc<Link>>,
    /// Something was stored.
    heard: bool,
    /// Messages that are under way, in order.
    window: VecDeque<Published>,
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

impl Writer {
    async fn link(&mut self) -> Result<Arc<Link>, Error> {
        if let Some(link) = &self.link {
            return Ok(link.clone());
        }
        // What is published again has no room of its own.
        let link = Arc::new(Link::to(&self.nats.broker, self.nats.timeout, 2 * self.nats.in_flight).await?);
        Ok(self.link.insert(link).clone())
    }

    fn id_of(&mut self, record: &[u8]) -> Result<String, String> {
        self.next += 1;
        let Some(id) = &self.nats.id else { return Ok(format!("{}-{}", self.run, self.next)) };
        let id = id(record)?;
        // It goes into a header.
        let fits = !id.is_empty() && !id.chars().any(char::is_control);
        fits.then_some(id).ok_or_else(|| "its id is empty, or has control characters".to_owned())
    }

    async fn take_one(&mut self, link: &Link, record: &[u8]) -> Result<(), Refusal> {
        let id = self.id_of(record).map_err(Refusal::fault)?;
        let message = Message { id, payload: Bytes::copy_from_slice(record) };
        while self.window.len() >= self.nats.in_flight || self.bytes + record.len() > ROOM && self.bytes > 0 {
            self.confirm(link).await?;
        }
        // One that is lost or refused takes those behind it with it, so that they keep their order.
        let behind = self.window.back().map(|before| before.message.id.clone());
        let answer = match self.nats.publish(link, &message, behind.as_deref()).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let most = link.client.max_payload();
                return Err(Refusal::fault(format!(
                    "it is larger than the broker takes, which is {most} bytes"
                )));
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        };
        self.bytes += message.payload.len();
        self.window.push_back(Published { message, answer });
        Ok(())
    }

    /// Waits until the stream has the first message that is under way.
    async fn confirm(&mut self, link: &Link) -> Result<(), Error> {
        let Some(Published { message, answer }) = self.window.pop_front() else { return Ok(()) };
        self.bytes -= message.payload.len();
        match answer.await {
            Ok(_) => {
                link.heard();
                self.heard = true;
                Ok(())
            }
            Err(error) => self.again(link, message, error).await,
        }
    }

    /// Publishes again what a stream did not take, and what was under way after it: one after another.
    async fn again(&mut self, link: &Link, first: Message, error: PublishError) -> Result<(), Error> {
        let behind = std::mem::take(&mut self.window);
        self.bytes = 0;
        let behind = behind.into_iter().map(|Published { message, answer }| async move {
            answer.await.err().map(|error| (message, error))
        });
        let failed = join_all(behind).await.into_iter().flatten();
        for (message, mut error) in std::iter::once((first, error)).chain(failed) {
            loop {
                self.nats.wait_after(link, error, self.heard).await?;
                let answer = match self.nats.publish(link, &message, None).await {
                    Ok(answer) => answer.await,
                    Err(error) => Err(error),
                };
                match answer {
                    Ok(_) => break,
                    Err(again) => error = again,
                }
            }
            link.heard();
            self.heard = true;
        }
        Ok(())
    }

    async fn confirm_all(&mut self) -> Result<(), Error> {
        let Some(link) = self.link.clone() else { return Ok(()) };
        while !self.window.is_empty() {
            self.confirm(&link).await?;
        }
        Ok(())
    }
}

/// What a stream says of a message that it does not take.
fn refusal(error: &PublishError) -> Option<ErrorCode> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

/// Whether there may be room later.
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

impl Consumer<Records> for Writer {
    async fn take(&mut self, records: Records) -> Result<(), Refusal> {
        let link = self.link().await?;
        for (index, record) in records.iter().enumerate() {
            self.take_one(&link, record).await.map_err(|refusal| refusal.at(index))?;
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
