//! What the tasks of the source `nats` share: one receives messages, others acknowledge them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use async_nats::Subject;
use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::connection::{NatsConnection, Silence};
use crate::Error;
use crate::graph::Acknowledgements;

pub(super) struct Subscription {
    pub(super) connection: NatsConnection,
    /// How long the broker has confirmed no acknowledgement.
    pub(super) unacknowledged: Silence,
    pub(super) consumer: PullConsumer,
    pub(super) in_flight: usize,
    pub(super) follow: bool,
    pub(super) acknowledgements: Acknowledgements<Subject>,
    /// The bytes of messages that wait to be emitted.
    pub(super) waiting: AtomicUsize,
    /// Notified when there may be room for more messages.
    pub(super) room: Notify,
    failure: OnceLock<Error>,
}

impl Subscription {
    pub(super) fn new(
        connection: NatsConnection,
        consumer: PullConsumer,
        in_flight: usize,
        follow: bool,
        acknowledgements: Acknowledgements<Subject>,
    ) -> Self {
        Self {
            connection,
            unacknowledged: Silence::default(),
            consumer,
            in_flight,
            follow,
            acknowledgements,
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            failure: OnceLock::new(),
        }
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

    /// Receives messages until `stop` is cancelled or the broker fails.
    pub(super) async fn receive_all(self: Arc<Self>, sender: Sender<(u64, Bytes)>, stop: CancellationToken) {
        if let Some(Err(error)) = stop.run_until_cancelled(self.read(&sender)).await {
            // Set before the sender is dropped, since the source looks for it then.
            let _ = self.failure.set(error);
        }
    }
}
