//! Tells the broker what happens to messages: they are in progress, acknowledged, or to be delivered again.

use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::connection::RETRY_AFTER;
use super::subscription::Subscription;
use crate::Error;
use crate::deadlines::{BROKER_ANSWER, BROKER_END};
use crate::graph::{Acknowledge, Message};

/// The most acknowledgements in flight.
const ACKNOWLEDGED_AT_ONCE: usize = 256;

/// A message is known by the subject at which the broker waits for its acknowledgement.
impl Acknowledge for Subscription {
    type Handle = Subject;

    fn progress_interval(&self) -> Option<Duration> {
        let config = &self.consumer.cached_info().config;
        Some(config.backoff.iter().copied().min().unwrap_or(config.ack_wait) / 3)
    }

    async fn in_progress(&self, replies: Vec<Subject>) {
        if self.connection.is_connected() {
            self.tell("+WPI", replies).await;
        }
    }

    async fn acknowledge(&self, mut messages: Vec<Message<Subject>>) -> Result<(), Error> {
        loop {
            if self.connection.is_connected() {
                messages = self.try_acknowledging(messages).await;
            }
            if messages.is_empty() {
                self.unacknowledged.answered();
                return Ok(());
            }
            if let Some(error) = self.failure() {
                return Err(error);
            }
            self.unacknowledged.unanswered(&self.connection)?;
            sleep(RETRY_AFTER).await;
        }
    }

    async fn give_back(&self, messages: Vec<Message<Subject>>) {
        if self.connection.is_connected() {
            let give_back = async {
                self.tell("-NAK", messages.into_iter().map(|message| message.handle)).await;
                let _ = self.connection.client.flush().await;
            };
            let _ = BROKER_END.within(&self.connection.address(), give_back).await;
        }
    }
}

impl Subscription {
    async fn tell(&self, word: &'static str, replies: impl IntoIterator<Item = Subject>) {
        for reply in replies {
            // If this is lost, it is sent again, or the message is delivered again.
            let _ = self.connection.client.publish(reply, Bytes::from_static(word.as_bytes())).await;
        }
    }

    /// Tries once to acknowledge messages. Returns those that the broker has not confirmed.
    async fn try_acknowledging(&self, messages: Vec<Message<Subject>>) -> Vec<Message<Subject>> {
        let told = stream::iter(messages).map(|message| self.acknowledge_one(message));
        let mut told = told.buffer_unordered(ACKNOWLEDGED_AT_ONCE);
        let mut left = Vec::new();
        while let Some(message) = told.next().await {
            left.extend(message);
        }
        self.room.notify_one();
        left
    }

    /// Acknowledges a message, and waits until the broker confirms that. Returns the message if it does not.
    async fn acknowledge_one(&self, message: Message<Subject>) -> Option<Message<Subject>> {
        let request =
            async_nats::Request::new().payload(Bytes::from_static(b"+ACK")).timeout(Some(BROKER_ANSWER.time));
        let asked = self.connection.client.send_request(message.handle.clone(), request);
        // Twice as long, since a client that is not connected may not even accept the request.
        let deadline = BROKER_ANSWER.of(2 * BROKER_ANSWER.time);
        match deadline.within(&self.connection.address(), asked).await {
            Ok(Ok(_)) => {
                message.settle();
                None
            }
            _ => Some(message),
        }
    }
}
