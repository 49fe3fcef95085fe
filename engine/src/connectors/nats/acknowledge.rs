//! Tells the broker what happens to messages: they are in progress, acknowledged, or to be delivered again.

use async_nats::Subject;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::connection::RETRY_AFTER;
use super::subscription::Subscription;
use crate::Error;
use crate::connectors::support::acknowledgements::Due;
use crate::deadlines::{BROKER_ANSWER, BROKER_END};
use crate::progress::GraphContext;

/// The most acknowledgements in flight.
const ACKNOWLEDGED_AT_ONCE: usize = 256;

impl Subscription {
    /// Tells the broker at intervals that messages are in progress, until the graph is gone.
    pub(super) async fn report_progress(&self) {
        let wait = self.consumer.cached_info().config.backoff.iter().copied().min();
        let wait = wait.unwrap_or(self.consumer.cached_info().config.ack_wait);
        while GraphContext::is_used(&self.context) {
            sleep(wait / 3).await;
            if self.connection.is_connected() {
                self.tell("+WPI").await;
            }
        }
    }

    async fn tell(&self, word: &'static str) {
        let replies = self.acknowledgements.handles();
        for reply in replies {
            // If this is lost, it is sent again, or the message is delivered again.
            let _ = self.connection.client.publish(reply, Bytes::from_static(word.as_bytes())).await;
        }
    }

    /// Acknowledges messages whose outputs are written, until the run has ended. Gives back the others then.
    pub(super) async fn acknowledge(&self) -> Result<(), Error> {
        let (mut done, mut due) = (self.acknowledgements.watch_done(), Vec::new());
        loop {
            let closing = self.closing.is_cancelled();
            let last = *done.borrow_and_update();
            due.append(&mut self.acknowledgements.due(last));
            let told = self.acknowledge_due(&mut due).await;
            if let Some(context) = self.context.upgrade()
                && let Err(error) = &told
            {
                context.fail(error.clone());
            }
            if closing {
                if self.connection.is_connected() {
                    let give_back = async {
                        self.tell("-NAK").await;
                        let _ = self.connection.client.flush().await;
                    };
                    let _ = BROKER_END.within(&self.connection.address(), give_back).await;
                }
                return told;
            }
            tokio::select! {
                () = self.closing.cancelled() => {}
                // After a failure the run ends soon.
                Ok(()) = done.changed(), if told.is_ok() => {}
            }
        }
    }

    /// Acknowledges messages, after sinks have written everything that they hold back.
    async fn acknowledge_due(&self, out: &mut Vec<Due<Subject>>) -> Result<(), Error> {
        if out.is_empty() {
            return Ok(());
        }
        if let Some(context) = self.context.upgrade() {
            context.flush().await?;
        }
        loop {
            if self.connection.is_connected() {
                self.try_acknowledging(out).await;
            }
            if out.is_empty() {
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

    /// Tries once to acknowledge messages. Those that the broker has not confirmed stay in `out`.
    async fn try_acknowledging(&self, out: &mut Vec<Due<Subject>>) {
        let told = stream::iter(std::mem::take(out)).map(|message| self.acknowledge_one(message));
        let mut told = told.buffer_unordered(ACKNOWLEDGED_AT_ONCE);
        while let Some(told) = told.next().await {
            match told {
                Ok(place) => self.acknowledgements.settle(place),
                Err(message) => out.push(message),
            }
        }
        self.room.notify_one();
    }

    /// Acknowledges a message, and waits until the broker confirms that. Returns the message if it does not.
    async fn acknowledge_one(&self, (place, reply): Due<Subject>) -> Result<u64, Due<Subject>> {
        let request =
            async_nats::Request::new().payload(Bytes::from_static(b"+ACK")).timeout(Some(BROKER_ANSWER.time));
        let asked = self.connection.client.send_request(reply.clone(), request);
        // Twice as long, since a client that is not connected may not even accept the request.
        let deadline = BROKER_ANSWER.of(2 * BROKER_ANSWER.time);
        match deadline.within(&self.connection.address(), asked).await {
            Ok(Ok(_)) => Ok(place),
            _ => Err((place, reply)),
        }
    }
}
