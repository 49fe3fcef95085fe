//! Tells the broker what becomes of messages: under way, acknowledged, or given back.

use async_nats::Subject;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::link::AGAIN;
use super::subscription::Subscription;
use crate::Error;
use crate::connectors::support::acknowledgements::Due;
use crate::deadlines::{BROKER_ANSWER, BROKER_END};

/// So many acknowledgements are under way at once.
const ACKNOWLEDGED_AT_ONCE: usize = 256;

impl Subscription {
    /// Tells the broker of all that is under way that it is, until the graph is gone.
    pub(super) async fn keep(&self) {
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
        let replies = self.acknowledgements.handles();
        for reply in replies {
            // What is lost is told again, or comes again.
            let _ = self.link.client.publish(reply, Bytes::from_static(word.as_bytes())).await;
        }
    }

    /// Acknowledges what is out, until the run has ended; what is not out then is given back.
    pub(super) async fn acknowledge(&self) -> Result<(), Error> {
        let (mut done, mut due) = (self.acknowledgements.watch_done(), Vec::new());
        loop {
            let closing = self.closing.is_cancelled();
            let last = *done.borrow_and_update();
            due.append(&mut self.acknowledgements.due(last));
            let told = self.settle(&mut due).await;
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
    async fn settle(&self, out: &mut Vec<Due<Subject>>) -> Result<(), Error> {
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
    async fn tell_done(&self, out: &mut Vec<Due<Subject>>) {
        let told = stream::iter(std::mem::take(out)).map(|message| self.ask_done(message));
        let mut told = told.buffer_unordered(ACKNOWLEDGED_AT_ONCE);
        while let Some(told) = told.next().await {
            match told {
                Ok(place) => self.acknowledgements.settle(place),
                Err(message) => out.push(message),
            }
        }
        self.room.notify_one();
    }

    /// Acknowledges a message, and waits until the broker has heard that; the message, if it has not.
    async fn ask_done(&self, (place, reply): Due<Subject>) -> Result<u64, Due<Subject>> {
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
