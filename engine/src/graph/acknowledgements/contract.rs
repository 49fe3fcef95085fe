//! The trait of what messages come from, such as a broker's client.

use std::time::Duration;

use super::Message;
use crate::Error;

/// Tells the sender of messages what became of them. Implemented for the client of a broker, or for anything else that
/// waits for an answer. [`Acknowledgements`](super::Acknowledgements) calls it.
pub trait Acknowledge: Send + Sync + 'static {
    /// What the sender knows a message by, such as a delivery tag.
    type Handle: Clone + Send + Sync + 'static;

    /// Acknowledges messages. All their records have left the graph, sinks have written what they held back, and dead
    /// letters are in their files. A message of which a record became a fault has that [fault](Message::fault).
    ///
    /// Messages that become done meanwhile wait for the next call. When this returns `Ok`, the messages are forgotten;
    /// [`Message::settle`] does this earlier for one of them.
    ///
    /// # Errors
    ///
    /// Why they can't be acknowledged. This ends the run.
    fn acknowledge(
        &self,
        messages: Vec<Message<Self::Handle>>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// How often [`in_progress`](Self::in_progress) is called. Never by default.
    fn progress_interval(&self) -> Option<Duration> {
        None
    }

    /// Says that these messages are being processed, so that the sender does not send them again. They are all that
    /// were received and are not acknowledged. Does nothing by default.
    fn in_progress(&self, handles: Vec<Self::Handle>) -> impl Future<Output = ()> + Send {
        drop(handles);
        std::future::ready(())
    }

    /// Called once at the end of the run, with the messages that are not done: their sender may send them again. Does
    /// nothing by default.
    fn give_back(&self, messages: Vec<Message<Self::Handle>>) -> impl Future<Output = ()> + Send {
        drop(messages);
        std::future::ready(())
    }
}
