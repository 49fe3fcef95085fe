//! One queue: messages that are delivered, and delivered again unless they are acknowledged in time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::cluster::transport::Reply;

/// The bytes that a queue keeps at most.
pub(super) const QUEUE_BYTES: usize = 4 << 20;

/// Messages by their sequence numbers.
#[derive(Debug)]
pub(super) struct Queue {
    messages: BTreeMap<u64, Message>,
    /// The sequence number of each id that was ever published.
    published: BTreeMap<String, u64>,
    /// A message that was delivered is delivered again after this time without a reply.
    ack_wait: Duration,
}

#[derive(Debug)]
struct Message {
    id: String,
    epoch: u64,
    payload: Bytes,
    deliveries: u64,
    /// It is not delivered again before this time.
    held_until: Option<Instant>,
}

/// A message that is delivered.
pub(super) struct Taken {
    pub(super) sequence: u64,
    pub(super) payload: Bytes,
    pub(super) deliveries: u64,
}

impl Queue {
    pub(super) fn new(ack_wait: Duration) -> Self {
        Self { messages: BTreeMap::new(), published: BTreeMap::new(), ack_wait }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Takes in a message, and returns its sequence number: the earlier one if its id was published before. None if
    /// there is no room.
    pub(super) fn push(&mut self, sequence: u64, epoch: u64, id: &str, payload: Bytes) -> Option<u64> {
        if let Some(earlier) = self.published.get(id) {
            return Some(*earlier);
        }
        let kept: usize = self.messages.values().map(|message| message.payload.len()).sum();
        if kept + payload.len() > QUEUE_BYTES {
            return None;
        }
        let (id, deliveries, held_until) = (id.to_owned(), 0, None);
        self.published.insert(id.clone(), sequence);
        self.messages.insert(sequence, Message { id, epoch, payload, deliveries, held_until });
        Some(sequence)
    }

    pub(super) fn has(&self, sequence: u64, id: &str) -> bool {
        self.messages.get(&sequence).is_some_and(|message| message.id == id)
    }

    /// The next message of an epoch, or of any. If all are held, the time at which the first one is not any more.
    pub(super) fn take(&mut self, epoch: Option<u64>, now: Instant) -> Result<Taken, Option<Instant>> {
        let is_wanted = |message: &Message| epoch.is_none_or(|epoch| message.epoch == epoch);
        let mut wanted = self.messages.iter_mut().filter(|(_, message)| is_wanted(message));
        let is_free = |message: &Message| message.held_until.is_none_or(|until| until <= now);
        if let Some((sequence, message)) = wanted.find(|(_, message)| is_free(message)) {
            message.deliveries += 1;
            message.held_until = Some(now + self.ack_wait);
            let (payload, deliveries) = (message.payload.clone(), message.deliveries);
            return Ok(Taken { sequence: *sequence, payload, deliveries });
        }
        Err(self.messages.values().filter(|message| is_wanted(message)).filter_map(|m| m.held_until).min())
    }

    pub(super) fn reply(&mut self, sequence: u64, reply: Reply, now: Instant) {
        let hold = match reply {
            Reply::Done | Reply::Unreadable => return drop(self.messages.remove(&sequence)),
            Reply::InProgress => self.ack_wait,
            Reply::Later(wait) => wait,
        };
        if let Some(message) = self.messages.get_mut(&sequence) {
            message.held_until = Some(now + hold);
        }
    }
}

#[test]
fn messages_are_delivered_again_until_they_are_acknowledged() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let mut queue = Queue::new(second);
    assert_eq!(queue.push(1, 1, "one", Bytes::from_static(b"1")), Some(1));
    assert_eq!(queue.push(2, 1, "one", Bytes::from_static(b"1")), Some(1));
    let taken = |queue: &mut Queue, now| queue.take(Some(1), now).map(|taken| taken.deliveries);
    assert_eq!(taken(&mut queue, now), Ok(1));
    assert_eq!(taken(&mut queue, now), Err(Some(now + second)));
    queue.reply(1, Reply::InProgress, now + second / 2);
    assert_eq!(taken(&mut queue, now + second), Err(Some(now + second * 3 / 2)));
    assert_eq!(taken(&mut queue, now + second * 2), Ok(2));
    queue.reply(1, Reply::Later(5 * second), now + second * 2);
    assert_eq!(taken(&mut queue, now + second * 4), Err(Some(now + second * 7)));
    assert_eq!(taken(&mut queue, now + second * 7), Ok(3));
    assert_eq!(queue.take(Some(2), now + second * 9).map(|taken| taken.sequence), Err(None));
    queue.reply(1, Reply::Done, now + second * 7);
    assert_eq!((taken(&mut queue, now + second * 9), queue.len()), (Err(None), 0));
    assert_eq!(queue.push(3, 1, "large", vec![0; QUEUE_BYTES + 1].into()), None);
}
