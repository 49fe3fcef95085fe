//! Messages of a stream of a NATS server.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, PullConsumer, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use bytes::Bytes;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::subscription::Subscription;
use crate::broker::Broker;
use crate::connectors::nats::link::Link;
use crate::deadlines::BROKER_AWAY;
use crate::error::{BrokerError, GraphError, InputError};
use crate::graph::{Feed, next};
use crate::record::{BatchBuilder, LONGEST, Record};
use crate::{Error, Source};

/// So many bytes are emitted at once, unless a message is longer.
const PIECE: usize = 256 << 10;

/// A source of the messages of a JetStream stream of a NATS server, each a record, by a durable pull consumer, which
/// is made if there is none of that name.
///
/// A message is acknowledged when all that came of it is out, or it became a fault that was settled; while it is under
/// way the broker is told so. What is not acknowledged when the run ends is given to the next run, with what was out
/// by then and could not be acknowledged any more: at least once. It comes after others then, when the consumer's
/// ack wait is over.
///
/// Several runs may share a consumer; each message goes to one of them.
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, orders) = sinks::list::<String>();
/// source.stream().sink(sink);
/// // All orders that there are, but not those that come later.
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
    connected: Option<Connected>,
}

struct Connected {
    link: Link,
    consumer: PullConsumer,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

impl Nats {
    /// The same for messages of some subjects alone, as `orders.*`. A consumer that is there must be for them too.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same; so many messages are under way or wait to be. 1,000 by default. It must be more than what the graph
    /// holds until others come.
    #[must_use]
    pub fn in_flight(mut self, messages: NonZeroUsize) -> Self {
        self.in_flight = messages.get().min(tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// The same; if a consumer is made, it gives out a message again of which it has heard nothing for so long. 30 s
    /// by default.
    #[must_use]
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// The same; a broker that was there and can't be reached for so long ends the run. 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same; unless `follow`, it ends when the stream has nothing more for the consumer, and no other run is at
    /// any of it.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Connects now, not when it begins to feed, and looks for the stream and the consumer.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached, or rejects the credentials; if it has no such stream; if the consumer is not fit.
    pub async fn connect(mut self) -> Result<Self, Error> {
        if self.connected.is_none() {
            let link = Link::to(&self.broker, self.timeout, self.in_flight).await?;
            let consumer = self.find(&link).await?;
            self.connected = Some(Connected { link, consumer });
        }
        Ok(self)
    }

    async fn find(&self, link: &Link) -> Result<PullConsumer, Error> {
        let no_stream =
            || Error::Broker(BrokerError::NoStream { address: link.address(), stream: self.stream.clone() });
        let stream = link.context.get_stream_no_info(&self.stream).await.map_err(|_| no_stream())?;
        match stream.consumer_info(&self.consumer).await {
            Ok(info) => {
                self.check(&info.config)?;
                let known = stream.get_consumer(&self.consumer).await;
                known.map_err(|error| self.unfit(&error.to_string()))
            }
            Err(error) => match error.kind() {
                ConsumerInfoErrorKind::NotFound => {
                    let made = stream.create_consumer(self.config()).await;
                    made.map_err(|error| self.unfit(&format!("can't be made: {error}")))
                }
                ConsumerInfoErrorKind::StreamNotFound => Err(no_stream()),
                _ => Err(link.failed(&error)),
            },
        }
    }

    /// Refuses a consumer that is for something else.
    fn check(&self, config: &Config) -> Result<(), Error> {
        if config.deliver_subject.is_some() {
            return Err(self.unfit("pushes: make it one that is pulled from"));
        }
        if config.ack_policy != AckPolicy::Explicit {
            return Err(
                self.unfit("wants no acknowledgement of each message: its ack policy must be explicit")
            );
        }
        if config.headers_only {
            return Err(self.unfit("gives headers alone: records would be empty"));
        }
        if !config.priority_groups.is_empty() {
            return Err(self.unfit("has priority groups, of which this is in none"));
        }
        let one = Some(&config.filter_subject).filter(|one| !one.is_empty());
        let subjects: Vec<_> = one.into_iter().chain(&config.filter_subjects).collect();
        match &self.subject {
            Some(wanted) if subjects.is_empty() => {
                Err(self.unfit(&format!("is for all subjects, not for {wanted:?}")))
            }
            Some(wanted) if subjects != [wanted] => {
                Err(self.unfit(&format!("is for {subjects:?}, not for {wanted:?}")))
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

    fn unfit(&self, reason: &str) -> Error {
        let (stream, consumer) = (self.stream.clone(), self.consumer.clone());
        Error::Broker(BrokerError::Consumer { stream, consumer, reason: reason.to_owned() })
    }
}

impl<T: Record> Feed<T> for Nats {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        if source.context().are_mixed() {
            return Err(Error::Graph(GraphError::MixedSources { source_name: "nats".to_owned() }));
        }
        let Self { in_flight, follow, connected, .. } = self.connect().await?;
        let Connected { link, consumer } = connected.ok_or(Error::Closed)?;
        let (sender, messages) = channel(in_flight);
        let subscription = Arc::new(Subscription::new(link, consumer, in_flight, follow, source.context()));
        let told = subscription.clone();
        source.progress().on_done(move |done| told.acknowledgements().done(done.last));
        let ending = subscription.clone();
        source.before_end(move || {
            let ending = ending.clone();
            Box::pin(async move { ending.end().await })
        });
        tokio::spawn(subscription.clone().serve(sender));
        let fed = emit(source, stop, messages, &subscription).await;
        subscription.stop_reading();
        fed
    }
}

/// Emits what comes, several messages together if they are there.
async fn emit<T: Record>(
    source: &Source<T>,
    stop: &CancellationToken,
    mut messages: Receiver<(u64, Bytes)>,
    subscription: &Subscription,
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
        let (mut places, mut batch, mut bytes) = (Vec::new(), BatchBuilder::default(), 0);
        let mut more = Some(first);
        while let Some((place, payload)) = more {
            if payload.len() > LONGEST {
                return Err(Error::Input(InputError::LongRecord {
                    record: source.last_number() + 1,
                    limit: LONGEST as u64,
                }));
            }
            batch.push(0, |data| data.extend_from_slice(&payload));
            places.push(place);
            bytes += payload.len();
            more = if bytes < PIECE { messages.try_recv().ok() } else { None };
        }
        source
            .emit_numbered(batch.build(), |number| subscription.acknowledgements().emitted(number, &places))
            .await?;
        subscription.took(bytes);
    }
    Ok(())
}
