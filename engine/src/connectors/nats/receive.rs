//! Receives messages of a stream while there is room for them.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

use super::connection::RETRY_AFTER;
use super::subscription::Subscription;
use crate::Error;
use crate::deadlines::BROKER_ANSWER;
use crate::error::BrokerError;

/// How long a broker keeps a request for messages if there are none.
const EXPIRES: Duration = Duration::from_secs(2);

/// The most bytes of messages that wait to be emitted, and of one request.
const WAITING_BYTES: usize = 8 << 20;

/// How long to wait for more room when there is little.
const MORE_ROOM: Duration = Duration::from_millis(20);

impl Subscription {
    /// Receives messages while there is room.
    pub(super) async fn read(&self, sender: &Sender<(u64, Bytes)>) -> Result<(), Error> {
        loop {
            let room = self.wait_for_room().await;
            if !self.connection.is_connected() {
                self.connection.unanswered()?;
                sleep(RETRY_AFTER).await;
                continue;
            }
            // A client that is not connected may not even accept the request.
            let deadline = BROKER_ANSWER.of(2 * BROKER_ANSWER.time);
            let (came, refused) = match deadline.within(&self.connection.address(), self.ask(room)).await {
                Ok(Ok(batch)) => self.take_in(batch, sender).await,
                Ok(Err(_)) | Err(_) => (0, true),
            };
            if came == room {
                self.connection.answered();
                continue;
            }
            let state = deadline.within(&self.connection.address(), self.consumer_state()).await;
            let Some(info) = state.unwrap_or(Ok(None))? else {
                self.connection.unanswered()?;
                sleep(RETRY_AFTER).await;
                continue;
            };
            if refused && came == 0 {
                self.connection.unanswered()?;
                sleep(RETRY_AFTER).await;
                continue;
            }
            self.connection.answered();
            if !self.follow && came == 0 {
                // Messages that other runs have received may be delivered again.
                if info.num_pending == 0 && info.num_ack_pending <= self.acknowledgements.len() {
                    return Ok(());
                }
                sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Waits for room, and returns how many more messages to receive: at least one, and more if there is room soon.
    async fn wait_for_room(&self) -> usize {
        loop {
            let room = match self.waiting.load(Relaxed) {
                waiting if waiting > WAITING_BYTES / 2 => 0,
                _ => self.in_flight.saturating_sub(self.acknowledgements.len()),
            };
            if room > self.in_flight / 4 {
                return room;
            }
            let waited = timeout(MORE_ROOM, self.room.notified()).await;
            if room > 0 && waited.is_err() {
                return room;
            }
        }
    }

    async fn ask(&self, messages: usize) -> Result<Batch, Error> {
        let config = &self.consumer.cached_info().config;
        let at_most = |most: i64| usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let messages = messages.min(at_most(config.max_batch));
        // Enough for any single message.
        let bytes =
            WAITING_BYTES.max(2 * self.connection.client.max_payload()).min(at_most(config.max_bytes));
        let expires =
            Some(config.max_expires).filter(|most| !most.is_zero()).map_or(EXPIRES, |most| most.min(EXPIRES));
        let failed = |error| self.connection.failed(&error);
        if self.follow {
            let ask = self.consumer.batch().max_messages(messages).max_bytes(bytes).expires(expires);
            return ask.messages().await.map_err(failed);
        }
        self.consumer.fetch().max_messages(messages).max_bytes(bytes).messages().await.map_err(failed)
    }

    /// Receives the messages of one request. Returns how many came, and whether the broker ended the request with an
    /// error.
    async fn take_in(&self, mut batch: Batch, sender: &Sender<(u64, Bytes)>) -> (usize, bool) {
        let mut came = 0;
        loop {
            match timeout(RETRY_AFTER, batch.next()).await {
                Ok(Some(Ok(message))) => self.receive(message, sender),
                Ok(end) => return (came, end.is_some()),
                Err(_) if !self.connection.is_connected() => return (came, true),
                Err(_) => continue,
            }
            came += 1;
        }
    }

    fn receive(&self, message: Message, sender: &Sender<(u64, Bytes)>) {
        // Only messages of a stream can be acknowledged.
        let Some(place) = message.info().ok().map(|info| info.stream_sequence) else { return };
        let Message { message, .. } = message;
        let Some(reply) = message.reply else { return };
        if self.acknowledgements.receive(place, reply) {
            self.waiting.fetch_add(message.payload.len(), Relaxed);
            // The channel has room for all that may be in flight. Without a receiver, the message is given back at the end.
            let _ = sender.try_send((place, message.payload));
        }
    }

    /// The consumer's state; none if the broker does not answer.
    async fn consumer_state(&self) -> Result<Option<Info>, Error> {
        let known = self.consumer.cached_info();
        let (stream, consumer) = (known.stream_name.clone(), known.name.clone());
        let no_stream = || {
            Error::Broker(BrokerError::NoStream {
                address: self.connection.address(),
                stream: stream.clone(),
            })
        };
        let of = self.connection.context.get_stream_no_info(&stream).await.map_err(|_| no_stream())?;
        let info = of.consumer_info(&consumer).await;
        match info {
            Ok(info) => Ok(Some(info)),
            Err(error) => match error.kind() {
                ConsumerInfoErrorKind::StreamNotFound => Err(no_stream()),
                ConsumerInfoErrorKind::NotFound => Err(Error::Broker(BrokerError::Consumer {
                    stream,
                    consumer,
                    reason: "is gone".to_owned(),
                })),
                _ => Ok(None),
            },
        }
    }
}
