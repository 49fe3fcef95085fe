//! A run's queues as JetStream's streams: publishing, looking, taking.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{Acker, PublishMessage};
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};
use async_nats::jetstream::{self, AckKind, Context};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

use super::{streams, subjects};
use crate::cluster::settings::Durability;
use crate::cluster::transport::{
    Delivery, DeliveryStream, Published, Queues, Receipt, Reply, TaskQueue, TransportError,
};
use crate::deadlines::BROKER_ANSWER;

/// Result bytes in flight at most, and how many messages that is.
const RESULT_BYTES: usize = 16 << 20;
const RESULT_MESSAGES: usize = 256;

/// How long the broker keeps a request for results, and the interval of its heartbeats.
const RESULTS_EXPIRE: Duration = Duration::from_secs(20);
const RESULTS_HEARTBEAT: Duration = Duration::from_secs(5);

/// The streams of a run.
pub(super) struct Streams {
    pub(super) context: Context,
    pub(super) durability: Durability,
    pub(super) run: String,
}

#[async_trait]
impl Queues for Streams {
    async fn make(&self, epoch: u64, ack_wait: Duration) -> Result<usize, TransportError> {
        streams::make(&self.context, &self.run, self.durability, epoch, ack_wait).await
    }

    async fn remove(&self) {
        for stream in [subjects::tasks(&self.run), subjects::results(&self.run)] {
            // It may be gone, or the broker.
            let _ = self.context.delete_stream(stream).await;
        }
    }

    async fn publish_task(&self, epoch: u64, id: &str, task: Bytes) -> Published {
        let message = PublishMessage::build().payload(task).message_id(id);
        let sent = self.context.send_publish(subjects::task_subject(&self.run, epoch), message).await;
        let Ok(answer) = sent else { return Published::Refused };
        match answer.await {
            Ok(answer) => Published::At(answer.sequence),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => Published::NoQueue,
            Err(_) => Published::Refused,
        }
    }

    async fn has_task(&self, sequence: u64, id: &str) -> Option<bool> {
        let stream = self.context.get_stream_no_info(subjects::tasks(&self.run)).await.ok()?;
        match stream.get_raw_message(sequence).await {
            Ok(message) => Some(has_id(&message.headers, id)),
            Err(error) => is_missing(&error).then_some(false),
        }
    }

    async fn results(&self, epoch: u64) -> Option<DeliveryStream> {
        let name = subjects::host_consumer(epoch);
        let stream = subjects::results(&self.run);
        let consumer: PullConsumer = self.context.get_consumer_from_stream(&name, stream).await.ok()?;
        let results = consumer
            .stream()
            .max_messages_per_batch(RESULT_MESSAGES)
            .max_bytes_per_batch(RESULT_BYTES)
            .heartbeat(RESULTS_HEARTBEAT)
            .expires(RESULTS_EXPIRE);
        let results = results.messages().await.ok()?;
        Some(results.map(|result| result.map(|message| delivery(message, 1)).map_err(broken)).boxed())
    }

    async fn tasks(&self) -> Option<Box<dyn TaskQueue>> {
        let stream = subjects::tasks(&self.run);
        let consumer =
            self.context.get_consumer_from_stream(subjects::WORKERS_CONSUMER, stream).await.ok()?;
        Some(Box::new(Consumer(consumer)))
    }

    async fn send_result(&self, epoch: u64, id: &str, part: Bytes) -> BoxFuture<'static, bool> {
        let message = PublishMessage::build().payload(part).message_id(id);
        let sent = self.context.send_publish(subjects::result_subject(&self.run, epoch), message).await;
        async move {
            match sent {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            }
        }
        .boxed()
    }

    async fn waiting(&self) -> (Option<u64>, Option<u64>) {
        let (tasks, results) = (subjects::tasks(&self.run), subjects::results(&self.run));
        (messages(&self.context, tasks).await, messages(&self.context, results).await)
    }
}

/// The workers' consumer of a run's tasks.
struct Consumer(PullConsumer);

#[async_trait]
impl TaskQueue for Consumer {
    async fn ask(&self, most: usize, wait: Duration) -> Option<DeliveryStream> {
        let tasks = self.0.batch().max_messages(most).expires(wait).messages().await.ok()?;
        let task = |message: jetstream::Message| {
            let deliveries = message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1));
            delivery(message, deliveries)
        };
        Some(tasks.map(move |next| next.map(task).map_err(broken)).boxed())
    }
}

fn delivery(message: jetstream::Message, deliveries: u64) -> Delivery {
    let (message, acker) = message.split();
    Delivery { payload: message.payload, deliveries, receipt: Arc::new(acker) }
}

fn broken(error: impl std::fmt::Display) -> TransportError {
    TransportError::Failed(error.to_string())
}

#[async_trait]
impl Receipt for Acker {
    async fn reply(&self, reply: Reply) {
        let kind = match reply {
            Reply::Done => AckKind::Ack,
            Reply::InProgress => AckKind::Progress,
            Reply::Later(wait) => AckKind::Nak(Some(wait)),
            Reply::Unreadable => AckKind::Term,
        };
        let _ = self.ack_with(kind).await;
    }
}

fn has_id(headers: &HeaderMap, id: &str) -> bool {
    headers.get(async_nats::header::NATS_MESSAGE_ID).is_some_and(|known| known.as_str() == id)
}

/// Whether the broker said that it has no such message, or no such stream.
fn is_missing(error: &RawMessageError) -> bool {
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(error) => matches!(error.code(), 404),
        _ => false,
    }
}

/// How many messages a stream has.
async fn messages(context: &Context, stream: String) -> Option<u64> {
    let stream = context.get_stream_no_info(stream).await.ok()?;
    let info = BROKER_ANSWER.within("the broker", stream.get_info()).await.ok()?.ok()?;
    Some(info.state.messages)
}
