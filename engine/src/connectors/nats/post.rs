//! Between a stream's consumer and a source: takes messages in, and tells the broker what becomes of them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, SetOnce, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::connectors::nats::link::{AGAIN, Away, Link};
use crate::connectors::support::deliveries::{Delivered, Deliveries};
use crate::deadlines::{BROKER_ANSWER, BROKER_END};
use crate::error::BrokerError;
use crate::progress::GraphContext;

/// How long a broker keeps a request for messages if there are none.
const EXPIRES: Duration = Duration::from_secs(2);

/// Messages that wait to be emitted have about so many bytes at most; and those of one request.
const ROOM: usize = 8 << 20;

/// So many acknowledgements are under way at once.
const ACKNOWLEDGED_AT_ONCE: usize = 256;

/// How long more room is waited for when there is little.
const SOON: Duration = Duration::from_millis(20);

pub(crate) struct Post {
    link: Link,
    /// It takes no acknowledgements.
    untaken: Away,
    consumer: PullConsumer,
    in_flight: usize,
    follow: bool,
    context: Weak<GraphContext>,
    deliveries: Mutex<Deliveries>,
    /// Bytes of messages that wait to be emitted.
    waiting: AtomicUsize,
    /// There may be room for more messages.
    room: Notify,
    /// All records up to this number are out.
    done: watch::Sender<u64>,
    reading: CancellationToken,
    closing: CancellationToken,
    failure: OnceLock<Error>,
    ended: SetOnce<Result<(), Error>>,
}

impl Post {
    pub(crate) fn new(
        link: Link,
        consumer: PullConsumer,
        in_flight: usize,
        follow: bool,
        context: &Arc<GraphContext>,
    ) -> Self {
        Self {
            link,
            untaken: Away::default(),
            consumer,
            in_flight,
            follow,
            context: Arc::downgrade(context),
            deliveries: Mutex::default(),
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            done: watch::Sender::new(0),
            reading: CancellationToken::new(),
            closing: CancellationToken::new(),
            failure: OnceLock::new(),
            ended: SetOnce::new(),
        }
    }

    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All records up to this number have left the graph.
    pub(crate) fn are_done(&self, last: u64) {
        self.done.send_if_modified(|done| {
            let more = last > *done;
            *done = last.max(*done);
            more
        });
    }

    /// These messages are about to be emitted, the first of them under this number.
    pub(crate) fn emitted(&self, first: u64, places: &[u64]) {
        self.deliveries().emit(first, places);
    }

    /// So many bytes do not wait any more.
    pub(crate) fn took(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Relaxed);
        self.room.notify_one();
    }

    /// Why no more messages come, if that is not their end.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    /// No more messages are wanted.
    pub(crate) fn stop_reading(&self) {
        self.reading.cancel();
    }

    /// The run has ended: waits until the broker knows what is out.
    pub(crate) async fn end(&self) -> Result<(), Error> {
        self.closing.cancel();
        self.ended.wait().await.clone()
    }

    /// Takes messages in and acknowledges them, until the run has ended.
    pub(crate) async fn serve(self: Arc<Self>, sender: Sender<(u64, Bytes)>) {
        let reading = async {
            let read = self.reading.run_until_cancelled(self.read(&sender)).await;
            if let Some(Err(error)) = read {
                let _ = self.failure.set(error);
            }
            drop(sender);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = self.acknowledge() => drop(self.ended.set(ended)),
            () = self.keep() => {}
            () = reading => {}
        }
    }

    /// Takes messages in for as long as there is room.
    async fn read(&self, sender: &Sender<(u64, Bytes)>) -> Result<(), Error> {
        loop {
            let room = self.wait_for_room().await;
            if !self.link.is_connected() {
                self.link.missed()?;
                sleep(AGAIN).await;
                continue;
            }
            // A client that is not connected may take no request at all.
            let deadline = BROKER_ANSWER.of(2 * BROKER_ANSWER.time);
            let (came, refused) = match deadline.within(&self.link.address(), self.ask(room)).await {
                Ok(Ok(batch)) => self.take_in(batch, sender).await,
                Ok(Err(_)) | Err(_) => (0, true),
            };
            if came == room {
                self.link.heard();
                continue;
            }
            let looked = deadline.within(&self.link.address(), self.look()).await;
            let Some(info) = looked.unwrap_or(Ok(None))? else {
                self.link.missed()?;
                sleep(AGAIN).await;
                continue;
            };
            if refused && came == 0 {
                self.link.missed()?;
                sleep(AGAIN).await;
                continue;
            }
            self.link.heard();
            if !self.follow && came == 0 {
                // What others have may come back.
                if info.num_pending == 0 && info.num_ack_pending <= self.deliveries().len() {
                    return Ok(());
                }
                sleep(AGAIN).await;
            }
        }
    }

    /// How many more messages may be under way: at least one, and more if there is room for them soon.
    async fn wait_for_room(&self) -> usize {
        loop {
            let room = match self.waiting.load(Relaxed) {
                waiting if waiting > ROOM / 2 => 0,
                _ => self.in_flight.saturating_sub(self.deliveries().len()),
            };
            if room > self.in_flight / 4 {
                return room;
            }
            let waited = timeout(SOON, self.room.notified()).await;
            if room > 0 && waited.is_err() {
                return room;
            }
        }
    }

    async fn ask(&self, messages: usize) -> Result<Batch, Error> {
        let config = &self.consumer.cached_info().config;
        let at_most = |most: i64| usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let messages = messages.min(at_most(config.max_batch));
        // Of a single message it is always enough.
        let bytes = ROOM.max(2 * self.link.client.max_payload()).min(at_most(config.max_bytes));
        let expires =
            Some(config.max_expires).filter(|most| !most.is_zero()).map_or(EXPIRES, |most| most.min(EXPIRES));
        let failed = |error| self.link.failed(&error);
        if self.follow {
            let ask = self.consumer.batch().max_messages(messages).max_bytes(bytes).expires(expires);
            return ask.messages().await.map_err(failed);
        }
        self.consumer.fetch().max_messages(messages).max_bytes(bytes).messages().await.map_err(failed)
    }

    /// Takes messages until there are no more of them. Returns how many there were, and whether the broker refused
    /// to give any, or more.
    async fn take_in(&self, mut batch: Batch, sender: &Sender<(u64, Bytes)>) -> (usize, bool) {
        let mut came = 0;
        loop {
            match timeout(AGAIN, batch.next()).await {
                Ok(Some(Ok(message))) => self.receive(message, sender),
                Ok(end) => return (came, end.is_some()),
                Err(_) if !self.link.is_connected() => return (came, true),
                Err(_) => continue,
            }
            came += 1;
        }
    }

    fn receive(&self, message: Message, sender: &Sender<(u64, Bytes)>) {
        // What is no message of a stream can't be acknowledged.
        let Some(place) = message.info().ok().map(|info| info.stream_sequence) else { return };
        let Message { message, .. } = message;
        let Some(reply) = message.reply else { return };
        if self.deliveries().receive(place, reply) {
            self.waiting.fetch_add(message.payload.len(), Relaxed);
            // There is a place for each that may be under way; without a receiver it is given back at the end.
            let _ = sender.try_send((place, message.payload));
        }
    }

    /// Where the consumer stands; none if the broker does not say.
    async fn look(&self) -> Result<Option<Info>, Error> {
        let known = self.consumer.cached_info();
        let (stream, consumer) = (known.stream_name.clone(), known.name.clone());
        let no_stream =
            || Error::Broker(BrokerError::NoStream { address: self.link.address(), stream: stream.clone() });
        let of = self.link.context.get_stream_no_info(&stream).await.map_err(|_| no_stream())?;
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

    /// Tells the broker of all that is under way that it is, until the graph is gone.
    async fn keep(&self) {
        let wait = self.consumer.cached_info().config.backoff.iter().copied().min();
        let wait = wait.unwrap_or(self.consumer.cached_info().config.ack_wait);
        while self.context.strong_count() > 0 {
            sleep(wait / 3).await;
            if self.link.is_connected() {
                self.tell("+WPI").await;
            }
        }
    }

    async fn tell(&self, word: &'static str) {
        let replies = self.deliveries().replies();
        for reply in replies {
            // What is lost is told again, or comes again.
            let _ = self.link.client.publish(reply, Bytes::from_static(word.as_bytes())).await;
        }
    }

    /// Acknowledges what is out, until the run has ended; what is not out then is given back.
    async fn acknowledge(&self) -> Result<(), Error> {
        let (mut done, mut out) = (self.done.subscribe(), Vec::new());
        loop {
            let closing = self.closing.is_cancelled();
            let last = *done.borrow_and_update();
            out.append(&mut self.deliveries().out(last));
            let told = self.settle(&mut out).await;
            if let Some(context) = self.context.upgrade()
                && let Err(error) = &told
            {
                context.fail(error.clone());
            }
            if closing {
                if self.link.is_connected() {
                    let give_back = async {
                        self.tell("-NAK").await;
                        let _ = self.link.client.flush().await;
                    };
                    let _ = BROKER_END.within(&self.link.address(), give_back).await;
                }
                return told;
            }
            tokio::select! {
                () = self.closing.cancelled() => {}
                // A run that fails comes to its end.
                Ok(()) = done.changed(), if told.is_ok() => {}
            }
        }
    }

    /// Acknowledges messages, once sinks hold back nothing of what came of them.
    async fn settle(&self, out: &mut Vec<Delivered>) -> Result<(), Error> {
        if out.is_empty() {
            return Ok(());
        }
        if let Some(context) = self.context.upgrade() {
            context.flush().await?;
        }
        loop {
            if self.link.is_connected() {
                self.tell_done(out).await;
            }
            if out.is_empty() {
                self.untaken.heard();
                return Ok(());
            }
            if let Some(error) = self.failure() {
                return Err(error);
            }
            self.untaken.missed(&self.link)?;
            sleep(AGAIN).await;
        }
    }

    /// Acknowledges messages once; those are left that the broker has not heard of.
    async fn tell_done(&self, out: &mut Vec<Delivered>) {
        let told = stream::iter(std::mem::take(out)).map(|message| self.ask_done(message));
        let mut told = told.buffer_unordered(ACKNOWLEDGED_AT_ONCE);
        while let Some(told) = told.next().await {
            match told {
                Ok(place) => self.deliveries().settle(place),
                Err(message) => out.push(message),
            }
        }
        self.room.notify_one();
    }

    /// Acknowledges a message, and waits until the broker has heard that; the message, if it has not.
    async fn ask_done(&self, (place, reply): Delivered) -> Result<u64, Delivered> {
        let request =
            async_nats::Request::new().payload(Bytes::from_static(b"+ACK")).timeout(Some(BROKER_ANSWER.time));
        let asked = self.link.client.send_request(reply.clone(), request);
        // Twice as long, since a client that is not connected may take no request at all.
        let deadline = BROKER_ANSWER.of(2 * BROKER_ANSWER.time);
        match deadline.within(&self.link.address(), asked).await {
            Ok(Ok(_)) => Ok(place),
            _ => Err((place, reply)),
        }
    }
}
