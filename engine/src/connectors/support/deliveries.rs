//! Messages that a broker has delivered, and waits to hear of.

use std::collections::{BTreeMap, VecDeque};

use async_nats::Subject;

/// A message that may be acknowledged: its place in the stream, and the subject that the broker listens at.
pub(crate) type Delivered = (u64, Subject);

/// Messages that were delivered and not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// By their places in the stream.
    messages: BTreeMap<u64, Subject>,
    /// Those that were emitted and are not out yet: the number of each as a record, and its place.
    emitted: VecDeque<(u64, u64)>,
}

impl Deliveries {
    /// A message came. False if it is here already: it is not to be run once more.
    pub(crate) fn receive(&mut self, place: u64, reply: Subject) -> bool {
        self.messages.insert(place, reply).is_none()
    }

    /// Messages are emitted as records, of which the first has this number.
    pub(crate) fn emit(&mut self, first: u64, places: &[u64]) {
        self.emitted.extend((first..).zip(places.iter().copied()));
    }

    /// Those that are out once all records up to `last` are, and were not before.
    pub(crate) fn out(&mut self, last: u64) -> Vec<Delivered> {
        let out = self.emitted.partition_point(|(number, _)| *number <= last);
        let places = self.emitted.drain(..out).map(|(_, place)| place);
        places.filter_map(|place| Some((place, self.messages.get(&place)?.clone()))).collect()
    }

    /// A message was acknowledged.
    pub(crate) fn settle(&mut self, place: u64) {
        self.messages.remove(&place);
    }

    /// Where the broker listens to what becomes of each, in the order of the stream.
    pub(crate) fn replies(&self) -> Vec<Subject> {
        self.messages.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivered_message_runs_once_and_is_acknowledged_at_its_last_delivery() {
        let mut deliveries = Deliveries::default();
        assert!(deliveries.receive(7, "first".into()));
        deliveries.emit(1, &[7]);
        assert!(!deliveries.receive(7, "again".into()));
        assert_eq!(deliveries.out(1), [(7, "again".into())]);
        // Until the broker has heard of it, it may still come.
        assert!(!deliveries.receive(7, "later".into()));
        deliveries.settle(7);
        assert_eq!(deliveries.len(), 0);
        assert!(deliveries.receive(7, "lost".into()));
    }

    #[test]
    fn messages_complete_by_number_not_by_position() {
        let mut deliveries = Deliveries::default();
        for place in [3, 1, 2] {
            deliveries.receive(place, "reply".into());
        }
        deliveries.emit(11, &[3, 1]);
        deliveries.emit(13, &[2]);
        let places = |out: Vec<Delivered>| out.into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places(deliveries.out(12)), [3, 1]);
        assert_eq!(places(deliveries.out(12)), [0; 0]);
        assert_eq!(places(deliveries.out(13)), [2]);
        assert_eq!(deliveries.len(), 3);
    }
}
