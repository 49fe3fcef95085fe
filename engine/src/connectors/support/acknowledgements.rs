//! Decides which messages of a broker to acknowledge: those whose records have all left the graph. For any broker.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The messages that a source has received and not acknowledged yet.
///
/// `H` identifies a message to the broker, such as the subject at which it waits for the acknowledgement.
/// Each message has a place in the broker's stream, which stays the same when it is delivered again.
#[derive(Debug)]
pub(crate) struct Acknowledgements<H> {
    messages: Mutex<Messages<H>>,
    /// All records up to this number have left the graph.
    done: watch::Sender<u64>,
}

/// A message that may be acknowledged: its place in the stream, and its handle.
pub(crate) type Due<H> = (u64, H);

#[derive(Debug)]
struct Messages<H> {
    /// By their places in the stream.
    handles: BTreeMap<u64, H>,
    /// Messages that were emitted and whose records have not left the graph yet: the number of each record, and its
    /// place.
    emitted: VecDeque<(u64, u64)>,
}

impl<H> Default for Acknowledgements<H> {
    fn default() -> Self {
        let messages = Messages { handles: BTreeMap::new(), emitted: VecDeque::new() };
        Self { messages: Mutex::new(messages), done: watch::Sender::new(0) }
    }
}

impl<H: Clone> Acknowledgements<H> {
    fn messages(&self) -> MutexGuard<'_, Messages<H>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a message that was delivered. Returns false if it was delivered before and is not to be run again: then
    /// it is acknowledged by its new handle.
    pub(crate) fn receive(&self, place: u64, handle: H) -> bool {
        self.messages().handles.insert(place, handle).is_none()
    }

    /// Notes that messages are emitted as records, the first of which has this number.
    pub(crate) fn emitted(&self, first: u64, places: &[u64]) {
        self.messages().emitted.extend((first..).zip(places.iter().copied()));
    }

    /// Notes that all records up to this number have left the graph.
    pub(crate) fn done(&self, last: u64) {
        self.done.send_if_modified(|done| {
            let more = last > *done;
            *done = last.max(*done);
            more
        });
    }

    /// Tells of each change of the number up to which records have left the graph.
    pub(crate) fn watch_done(&self) -> watch::Receiver<u64> {
        self.done.subscribe()
    }

    /// The messages to acknowledge once all records up to `last` have left the graph. Each is returned once.
    pub(crate) fn due(&self, last: u64) -> Vec<Due<H>> {
        let Messages { handles, emitted } = &mut *self.messages();
        let due = emitted.partition_point(|(number, _)| *number <= last);
        let places = emitted.drain(..due).map(|(_, place)| place);
        places.filter_map(|place| Some((place, handles.get(&place)?.clone()))).collect()
    }

    /// Forgets a message that was acknowledged.
    pub(crate) fn settle(&self, place: u64) {
        self.messages().handles.remove(&place);
    }

    /// The handles of all messages that are not acknowledged, in the order of the stream.
    pub(crate) fn handles(&self) -> Vec<H> {
        self.messages().handles.values().cloned().collect()
    }

    /// How many messages are not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.messages().handles.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivered_message_runs_once_and_is_acknowledged_at_its_last_delivery() {
        let messages = Acknowledgements::default();
        assert!(messages.receive(7, "first"));
        messages.emitted(1, &[7]);
        assert!(!messages.receive(7, "again"));
        assert_eq!(messages.due(1), [(7, "again")]);
        // Until the broker has heard of it, it may still come.
        assert!(!messages.receive(7, "later"));
        messages.settle(7);
        assert_eq!(messages.len(), 0);
        assert!(messages.receive(7, "lost"));
    }

    #[test]
    fn messages_complete_by_number_not_by_position() {
        let messages = Acknowledgements::default();
        for place in [3, 1, 2] {
            messages.receive(place, ());
        }
        messages.emitted(11, &[3, 1]);
        messages.emitted(13, &[2]);
        let places = |due: Vec<Due<()>>| due.into_iter().map(|(place, ())| place).collect::<Vec<_>>();
        assert_eq!(places(messages.due(12)), [3, 1]);
        assert_eq!(places(messages.due(12)), [0; 0]);
        assert_eq!(places(messages.due(13)), [2]);
        assert_eq!(messages.len(), 3);
    }
}
