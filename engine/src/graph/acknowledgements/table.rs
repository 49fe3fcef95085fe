//! The messages that a source has received and that are not acknowledged yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Fault;

/// A message whose records have left the graph, or one that is given back at the end of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message<H> {
    /// Its place among the sender's messages.
    pub place: u64,
    /// What the sender knows it by: that of its last delivery.
    pub handle: H,
    /// The number of its first record; none if it had no record.
    pub record: Option<u64>,
    /// The first fault among its records, if there was one.
    pub fault: Option<Fault>,
    /// Tells this delivery from a later one of the same message.
    serial: u64,
    table: Arc<Table<H>>,
}

impl<H> Message<H> {
    /// Forgets the message. If it is delivered again after this, it is processed again.
    pub fn settle(self) {
        self.table.settle(self.place, self.serial);
    }

    /// The place and the serial number, for [`Table::settle`].
    pub(super) fn key(&self) -> (u64, u64) {
        (self.place, self.serial)
    }
}

/// The messages that are not acknowledged yet, by their places.
#[derive(Debug)]
pub(super) struct Table<H> {
    messages: Mutex<Messages<H>>,
    /// All records up to this number have left the graph.
    done: watch::Sender<u64>,
}

#[derive(Debug)]
struct Messages<H> {
    held: BTreeMap<u64, Held<H>>,
    /// Records that were emitted and have not left the graph yet, in the order of their numbers.
    emitted: VecDeque<Emitted>,
    /// The serial number of the next message.
    serial: u64,
}

/// A message that is not acknowledged.
#[derive(Debug)]
struct Held<H> {
    handle: H,
    serial: u64,
    record: Option<u64>,
    fault: Option<Box<Fault>>,
}

/// Records of one message that were emitted together.
#[derive(Debug)]
pub(super) struct Emitted {
    pub(super) place: u64,
    /// The number of the first record.
    pub(super) first: u64,
    /// How many records.
    pub(super) records: u64,
    /// Whether the message has no more records.
    pub(super) is_last: bool,
}

impl Emitted {
    /// The number of the last record. If there are no records, that of the record before.
    fn last(&self) -> u64 {
        (self.first + self.records).saturating_sub(1)
    }
}

impl<H> Default for Table<H> {
    fn default() -> Self {
        let messages = Messages { held: BTreeMap::new(), emitted: VecDeque::new(), serial: 0 };
        Self { messages: Mutex::new(messages), done: watch::Sender::new(0) }
    }
}

impl<H> Table<H> {
    fn messages(&self) -> MutexGuard<'_, Messages<H>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a message that was delivered. Returns false if it was delivered before: then it is not to be emitted again,
    /// and is acknowledged by its new handle.
    pub(super) fn receive(&self, place: u64, handle: H) -> bool {
        let Messages { held, serial, .. } = &mut *self.messages();
        if let Some(held) = held.get_mut(&place) {
            held.handle = handle;
            return false;
        }
        *serial += 1;
        held.insert(place, Held { handle, serial: *serial, record: None, fault: None });
        true
    }

    /// Notes that records are emitted.
    pub(super) fn emit(&self, emitted: impl IntoIterator<Item = Emitted>) {
        let Messages { held, emitted: known, .. } = &mut *self.messages();
        for mut emitted in emitted {
            if emitted.records == 0 {
                // Other tasks may have emitted meanwhile.
                let next = known.back().map_or(0, |before| before.last() + 1);
                emitted.first = emitted.first.max(next);
            } else if let Some(held) = held.get_mut(&emitted.place) {
                held.record.get_or_insert(emitted.first);
            }
            known.push_back(emitted);
        }
    }

    /// Notes a fault for the message that its record is of.
    pub(super) fn fault(&self, fault: &Fault) {
        let Messages { held, emitted, .. } = &mut *self.messages();
        let at = emitted.partition_point(|emitted| emitted.last() < fault.record);
        let of = emitted.get(at).filter(|emitted| emitted.first <= fault.record && emitted.records > 0);
        if let Some(held) = of.and_then(|emitted| held.get_mut(&emitted.place)) {
            held.fault.get_or_insert_with(|| Box::new(fault.clone()));
        }
    }

    /// Notes that all records up to this number have left the graph.
    pub(super) fn done(&self, last: u64) {
        self.done.send_if_modified(|done| {
            let more = last > *done;
            *done = last.max(*done);
            more
        });
    }

    /// Makes those that watch look again, since a message without records is done when those before it are.
    pub(super) fn look_again(&self) {
        self.done.send_modify(|_| {});
    }

    /// Tells of each change of the number up to which records have left the graph.
    pub(super) fn watch_done(&self) -> watch::Receiver<u64> {
        self.done.subscribe()
    }

    /// Forgets a message, unless it was forgotten before and delivered again.
    pub(super) fn settle(&self, place: u64, serial: u64) {
        let held = &mut self.messages().held;
        if held.get(&place).is_some_and(|held| held.serial == serial) {
            held.remove(&place);
        }
    }

    /// How many messages are not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.messages().held.len()
    }
}

impl<H: Clone> Table<H> {
    fn message(self: &Arc<Self>, place: u64, held: &Held<H>) -> Message<H> {
        let Held { handle, serial, record, fault } = held;
        let (handle, fault) = (handle.clone(), fault.as_deref().cloned());
        Message { place, handle, record: *record, fault, serial: *serial, table: self.clone() }
    }

    /// The messages that are done once all records up to `last` have left the graph. Each is returned once.
    pub(super) fn due(self: &Arc<Self>, last: u64) -> Vec<Message<H>> {
        let Messages { held, emitted, .. } = &mut *self.messages();
        let due = emitted.partition_point(|emitted| emitted.last() <= last);
        let ended = emitted.drain(..due).filter(|emitted| emitted.is_last);
        ended.filter_map(|Emitted { place, .. }| Some(self.message(place, held.get(&place)?))).collect()
    }

    /// Takes out the message whose records were emitted last, whether they have left the graph or not.
    #[cfg(feature = "net")]
    pub(super) fn take(self: &Arc<Self>, place: u64) -> Option<Message<H>> {
        let Messages { held, emitted, .. } = &mut *self.messages();
        while emitted.back().is_some_and(|emitted| emitted.place == place) {
            emitted.pop_back();
        }
        held.remove(&place).map(|held| self.message(place, &held))
    }

    /// All messages that are not acknowledged, in the order of their places.
    pub(super) fn all(self: &Arc<Self>) -> Vec<Message<H>> {
        self.messages().held.iter().map(|(place, held)| self.message(*place, held)).collect()
    }

    /// The handles of all messages that are not acknowledged, in the order of their places.
    pub(super) fn handles(&self) -> Vec<H> {
        self.messages().held.values().map(|held| held.handle.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn one(place: u64, number: u64) -> Emitted {
        Emitted { place, first: number, records: 1, is_last: true }
    }

    fn places<H>(due: &[Message<H>]) -> Vec<u64> {
        due.iter().map(|message| message.place).collect()
    }

    #[test]
    fn a_redelivered_message_runs_once_and_is_acknowledged_at_its_last_delivery() {
        let table = Arc::new(Table::default());
        assert!(table.receive(7, "first"));
        table.emit([one(7, 1)]);
        assert!(!table.receive(7, "again"));
        let due = table.due(1).pop().unwrap();
        assert_eq!((due.place, due.handle), (7, "again"));
        // Until the broker has heard of it, it may still come.
        assert!(!table.receive(7, "later"));
        due.settle();
        assert_eq!(table.len(), 0);
        assert!(table.receive(7, "lost"));
    }

    #[test]
    fn messages_complete_by_number_not_by_position() {
        let table = Arc::new(Table::default());
        for place in [3, 1, 2] {
            table.receive(place, ());
        }
        table.emit([one(3, 11), one(1, 12)]);
        table.emit([one(2, 13)]);
        assert_eq!(places(&table.due(12)), [3, 1]);
        assert_eq!(places(&table.due(12)), [0; 0]);
        assert_eq!(places(&table.due(13)), [2]);
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn a_message_is_done_with_its_last_record_and_has_the_first_of_its_faults() {
        let table = Arc::new(Table::default());
        for place in [1, 2, 3] {
            table.receive(place, ());
        }
        table.emit([
            Emitted { place: 1, first: 1, records: 2, is_last: false },
            Emitted { place: 1, first: 3, records: 1, is_last: true },
            Emitted { place: 2, first: 4, records: 0, is_last: true },
            Emitted { place: 3, first: 4, records: 1, is_last: true },
        ]);
        for record in [3, 2, 9] {
            let cause = Cause::Failed { message: "no".into(), retryable: false };
            table.fault(&Fault { record, function: "f".into(), node: None, cause });
        }
        assert_eq!(places(&table.due(2)), [0; 0]);
        let due = table.due(3);
        assert_eq!(places(&due), [1, 2]);
        assert_eq!((due[0].record, due[1].record), (Some(1), None));
        assert_eq!(due[0].fault.as_ref().map(|fault| fault.record), Some(3));
        assert!(due[1].fault.is_none() && table.due(4)[0].fault.is_none());
    }

    #[test]
    fn settling_an_earlier_delivery_does_not_forget_a_later_one() {
        let table = Arc::new(Table::default());
        table.receive(7, ());
        table.emit([one(7, 1)]);
        let (due, mut all) = (table.due(1).pop().unwrap(), table.all());
        due.settle();
        assert!(table.receive(7, ()));
        all.pop().unwrap().settle();
        assert_eq!(table.len(), 1);
    }
}
