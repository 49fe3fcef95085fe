//! The source `nats`: the messages of a JetStream stream.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, PullConsumer, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use bytes::Bytes;
use bytesize::ByteSize;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::subscription::Subscription;
use crate::broker::Broker;
use crate::connectors::nats::connection::NatsConnection;
use crate::deadlines::BROKER_AWAY;
use crate::error::BrokerError;
use crate::graph::{Acknowledgements, Feed, Refused, check_unmixed, next};
use crate::record::{BatchBuilder, LONGEST, Record};
use crate::{Error, FaultPolicy, Source};

/// The source's name in errors.
const NAME: &str = "nats";

/// The most bytes that are emitted at once, unless a message is longer.
const BATCH_BYTES: usize = 256 << 10;

/// Receives the messages of a JetStream stream, and emits each as a record. It uses a durable pull consumer, and creates
/// it if there is none of that name.
///
/// A message is acknowledged when sinks have written all outputs of it, or when it became a fault and the policy did
/// not end the run. Until then, the source reports to the broker that the message is being processed. Messages that
/// are not acknowledged when the run ends are delivered to the next run, after other messages, when the consumer's ack
/// wait is over. So each message is processed at least once.
///
/// Several runs may share a consumer; each message goes to one of them. While the graph is full, no more messages than
/// [`in_flight`](Nats::in_flight) are received. A message has at most 32 MiB.
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, orders) = sinks::list::<String>();
/// source.stream().sink(sink);
/// // All orders that the stream has now, but not those that come later.
/// let nats = sources::nats("nats://127.0.0.1:4222".parse()?, "ORDERS", "engine").subject("orders.new").follow(false);
/// nats.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?; // they are acknowledged
/// # Ok(()) }
/// ```
pub fn nats(broker: Broker, stream: impl Into<String>, consumer: impl Into<String>) -> Nats {
    Nats {
        broker,
        stream: stream.into(),
        consumer: consumer.into(),
        subject: None,
        in_flight: 1000,
        ack_wait: Duration::from_secs(30),
        timeout: BROKER_AWAY.time,
        follow: true,
        policy: FaultPolicy::stop(),
        connected: None,
    }
}

/// See [`nats`].
#[derive(Debug)]
pub struct Nats {
    broker: Broker,
    stream: String,
    consumer: String,
    subject: Option<String>,
    in_flight: usize,
    ack_wait: Duration,
    timeout: Duration,
    follow: bool,
    policy: FaultPolicy,
    connected: Option<Connected>,
}

struct Connected {
    connection: NatsConnection,
    consumer: PullConsumer,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

impl Nats {
    /// Receives only messages of these subjects, as `orders.*`. An existing consumer must have the same filter.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Receives up to this many messages before the first of them is acknowledged. 1,000 by default. It must be more than
    /// the graph holds back, as windows do.
    #[must_use]
    pub fn in_flight(mut self, messages: NonZeroUsize) -> Self {
        self.in_flight = messages.get().min(tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// If the consumer is created, lets the broker deliver a message again that was not acknowledged for this long. 30 s
    /// by default.
    #[must_use]
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// Fails the run if a broker that was connected can't be reached for this long. 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Unless `follow`, ends the source when the stream has no more messages for the consumer, and no other run is
    /// processing one. True by default.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Says what happens to a message of more than 32 MiB. By default the run ends. Nothing can be read twice, so retries
    /// of `policy` are not used.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    /// Connects now, and not only when the source begins to feed, and checks the stream and the consumer.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached or rejects the credentials, if it has no such stream, or if the consumer has
    /// settings that this source can't use.
    pub async fn connect(mut self) -> Result<Self, Error> {
        if self.connected.is_none() {
            let connection = NatsConnection::to(&self.broker, self.timeout, self.in_flight).await?;
            let consumer = self.find_consumer(&connection).await?;
            self.connected = Some(Connected { connection, consumer });
        }
        Ok(self)
    }

    async fn find_consumer(&self, connection: &NatsConnection) -> Result<PullConsumer, Error> {
        let no_stream = || {
            Error::Broker(BrokerError::NoStream {
                address: connection.address(),
                stream: self.stream.clone(),
            })
        };
        let stream = connection.context.get_stream_no_info(&self.stream).await.map_err(|_| no_stream())?;
        match stream.consumer_info(&self.consumer).await {
            Ok(info) => {
                self.check(&info.config)?;
                let known = stream.get_consumer(&self.consumer).await;
                known.map_err(|error| self.unusable(&error.to_string()))
            }
            Err(error) => match error.kind() {
                ConsumerInfoErrorKind::NotFound => {
                    let made = stream.create_consumer(self.config()).await;
                    made.map_err(|error| self.unusable(&format!("can't be created: {error}")))
                }
                ConsumerInfoErrorKind::StreamNotFound => Err(no_stream()),
                _ => Err(connection.failed(&error)),
            },
        }
    }

    /// Checks that this source can use the consumer.
    fn check(&self, config: &Config) -> Result<(), Error> {
        if config.deliver_subject.is_some() {
            return Err(self.unusable("is a push consumer, and must be a pull consumer"));
        }
        if config.ack_policy != AckPolicy::Explicit {
            return Err(self.unusable("has the wrong ack policy: its ack policy must be explicit"));
        }
        if config.headers_only {
            return Err(self.unusable("gives headers alone, so records would be empty"));
        }
        if !config.priority_groups.is_empty() {
            return Err(self.unusable("has priority groups, which this source does not support"));
        }
        let one = Some(&config.filter_subject).filter(|one| !one.is_empty());
        let subjects: Vec<_> = one.into_iter().chain(&config.filter_subjects).collect();
        match &self.subject {
            Some(wanted) if subjects.is_empty() => {
                Err(self.unusable(&format!("is for all subjects, not for {wanted:?}")))
            }
            Some(wanted) if subjects != [wanted] => {
                Err(self.unusable(&format!("is for {subjects:?}, not for {wanted:?}")))
            }
            _ => Ok(()),
        }
    }

    fn config(&self) -> pull::Config {
        pull::Config {
            durable_name: Some(self.consumer.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            max_ack_pending: i64::try_from(self.in_flight).unwrap_or(i64::MAX),
            filter_subject: self.subject.clone().unwrap_or_default(),
            ..pull::Config::default()
        }
    }

    fn unusable(&self, reason: &str) -> Error {
        let (stream, consumer) = (self.stream.clone(), self.consumer.clone());
        Error::Broker(BrokerError::Consumer { stream, consumer, reason: reason.to_owned() })
    }
}

impl<T: Record> Feed<T> for Nats {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        check_unmixed(source, NAME)?;
        let Self { in_flight, follow, connected, policy, .. } = self.connect().await?;
        let Connected { connection, consumer } = connected.ok_or(Error::Closed)?;
        let (sender, messages) = channel(in_flight);
        let acknowledgements = Acknowledgements::new(source);
        let subscription =
            Arc::new(Subscription::new(connection, consumer, in_flight, follow, acknowledgements.clone()));
        acknowledgements.tell(source, NAME, subscription.clone())?;
        let over = CancellationToken::new();
        tokio::spawn(subscription.clone().receive_all(sender, over.clone()));
        // Whatever ends this, no more messages are received.
        let _over = over.drop_guard();
        emit(source, stop, messages, &subscription, &policy).await
    }
}

/// Emits messages, several together if they have been received.
async fn emit<T: Record>(
    source: &Source<T>,
    stop: &CancellationToken,
    mut messages: Receiver<(u64, Bytes)>,
    subscription: &Subscription,
    policy: &FaultPolicy,
) -> Result<(), Error> {
    while !stop.is_cancelled() {
        let first = match messages.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                source.pause().await?;
                let Some(message) = next(source, stop, messages.recv()).await? else { break };
                message
            }
        };
        let Some(first) = first else { return subscription.failure().map_or(Ok(()), Err) };
        let together = Together::of(first, &mut messages);
        together.emit(source, subscription, policy).await?;
    }
    Ok(())
}

/// Messages that are emitted together.
#[derive(Default)]
struct Together {
    places: Vec<u64>,
    batch: BatchBuilder,
    bytes: usize,
    /// One after them that is longer than records may be.
    too_long: Option<(u64, Bytes)>,
}

impl Together {
    /// A message, and those that have been received after it.
    fn of(first: (u64, Bytes), messages: &mut Receiver<(u64, Bytes)>) -> Self {
        let (mut these, mut more) = (Self::default(), Some(first));
        while let Some((place, payload)) = more {
            these.bytes += payload.len();
            if payload.len() > LONGEST {
                these.too_long = Some((place, payload));
                break;
            }
            these.batch.push(0, |data| data.extend_from_slice(&payload));
            these.places.push(place);
            more = if these.bytes < BATCH_BYTES { messages.try_recv().ok() } else { None };
        }
        these
    }

    async fn emit<T: Record>(
        self,
        source: &Source<T>,
        subscription: &Subscription,
        policy: &FaultPolicy,
    ) -> Result<(), Error> {
        let Self { places, batch, bytes, too_long } = self;
        if !places.is_empty() {
            subscription.acknowledgements.emit_batch(source, batch.build(), &places).await?;
        }
        if let Some((place, payload)) = too_long {
            let message = format!("it is longer than {}", ByteSize(LONGEST as u64));
            let refused = Refused { record: &payload[..LONGEST], name: NAME, message: &message, policy };
            subscription.acknowledgements.refuse(source, place, refused).await?;
        }
        subscription.emitted(bytes);
        Ok(())
    }
}
