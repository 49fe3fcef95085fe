//! Between a stream's consumer and a source: receives messages, and acknowledges them when what came of them is out.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

use async_nats::Subject;
use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, SetOnce};
use tokio_util::sync::CancellationToken;

use super::link::{Away, Link};
use crate::Error;
use crate::connectors::support::acknowledgements::Acknowledgements;
use crate::progress::GraphContext;

pub(super) struct Subscription {
    pub(super) link: Link,
    /// It takes no acknowledgements.
    pub(super) untaken: Away,
    pub(super) consumer: PullConsumer,
    pub(super) in_flight: usize,
    pub(super) follow: bool,
    pub(super) context: Weak<GraphContext>,
    pub(super) acknowledgements: Acknowledgements<Subject>,
    /// Bytes of messages that wait to be emitted.
    pub(super) waiting: AtomicUsize,
    /// There may be room for more messages.
    pub(super) room: Notify,
    reading: CancellationToken,
    pub(super) closing: CancellationToken,
    failure: OnceLock<Error>,
    ended: SetOnce<Result<(), Error>>,
}

impl Subscription {
    pub(super) fn new(
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
            acknowledgements: Acknowledgements::default(),
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            reading: CancellationToken::new(),
            closing: CancellationToken::new(),
            failure: OnceLock::new(),
            ended: SetOnce::new(),
        }
    }

    /// Which messages are to be acknowledged.
    pub(super) fn acknowledgements(&self) -> &Acknowledgements<Subject> {
        &self.acknowledgements
    }

    /// So many bytes do not wait any more.
    pub(super) fn took(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Relaxed);
        self.room.notify_one();
    }

    /// Why no more messages come, if that is not their end.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    /// No more messages are wanted.
    pub(super) fn stop_reading(&self) {
        self.reading.cancel();
    }

    /// The run has ended: waits until the broker knows what is out.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.closing.cancel();
        self.ended.wait().await.clone()
    }

    /// Takes messages in and acknowledges them, until the run has ended.
    pub(super) async fn serve(self: Arc<Self>, sender: Sender<(u64, Bytes)>) {
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
}
