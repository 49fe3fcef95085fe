//! What the tasks of the source `nats` share: one receives messages, others acknowledge them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

use async_nats::Subject;
use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, SetOnce};
use tokio_util::sync::CancellationToken;

use super::connection::{NatsConnection, Silence};
use crate::Error;
use crate::connectors::support::acknowledgements::Acknowledgements;
use crate::progress::GraphContext;

pub(super) struct Subscription {
    pub(super) connection: NatsConnection,
    /// How long the broker has confirmed no acknowledgement.
    pub(super) unacknowledged: Silence,
    pub(super) consumer: PullConsumer,
    pub(super) in_flight: usize,
    pub(super) follow: bool,
    pub(super) context: Weak<GraphContext>,
    pub(super) acknowledgements: Acknowledgements<Subject>,
    /// The bytes of messages that wait to be emitted.
    pub(super) waiting: AtomicUsize,
    /// Notified when there may be room for more messages.
    pub(super) room: Notify,
    reading: CancellationToken,
    pub(super) closing: CancellationToken,
    failure: OnceLock<Error>,
    ended: SetOnce<Result<(), Error>>,
}

impl Subscription {
    pub(super) fn new(
        connection: NatsConnection,
        consumer: PullConsumer,
        in_flight: usize,
        follow: bool,
        context: &Arc<GraphContext>,
    ) -> Self {
        Self {
            connection,
            unacknowledged: Silence::default(),
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

    /// The messages that are not acknowledged yet.
    pub(super) fn acknowledgements(&self) -> &Acknowledgements<Subject> {
        &self.acknowledgements
    }

    /// This many bytes were emitted.
    pub(super) fn emitted(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Relaxed);
        self.room.notify_one();
    }

    /// The error that ended receiving, if one did.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    /// Receives no more messages.
    pub(super) fn stop_reading(&self) {
        self.reading.cancel();
    }

    /// Called when the run has ended: waits until the last messages are acknowledged or given back.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.closing.cancel();
        self.ended.wait().await.clone()
    }

    /// Receives messages and acknowledges them, until the run has ended.
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
            () = self.report_progress() => {}
            () = reading => {}
        }
    }
}
