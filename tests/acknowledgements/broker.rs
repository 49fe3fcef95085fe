//! A broker in memory, which keeps messages until they are acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use engine::sources::{Acknowledge, Acknowledgements, Feed, Message, Refused};
use engine::{CancellationToken, Error, FaultPolicy, Record, Source};
use tokio::sync::Notify;

/// The number of a delivery, by which a message is acknowledged.
pub(super) type Tag = u64;

/// Called with the texts of messages when they are acknowledged.
type OnAcknowledged = Box<dyn Fn(&[&str]) + Send + Sync>;

/// A queue of messages.
#[derive(Default)]
pub(super) struct Broker {
    state: Mutex<State>,
    /// Notified at each change.
    changed: Notify,
    on_acknowledged: Option<OnAcknowledged>,
    interval: Option<Duration>,
}

#[derive(Default)]
pub(super) struct State {
    /// Messages that are to be delivered, with their places.
    pub(super) waiting: VecDeque<(u64, String)>,
    /// By their places: the text, and the tag of the last delivery.
    pub(super) delivered: BTreeMap<u64, (String, Tag)>,
    /// Texts, and the faults that were told.
    pub(super) acknowledged: Vec<(String, Option<u64>)>,
    pub(super) given_back: Vec<(String, Option<u64>)>,
    /// The tags of each report of progress.
    pub(super) in_progress: Vec<Vec<Tag>>,
    next_tag: Tag,
}

impl Broker {
    pub(super) fn new<S: Into<String>>(messages: impl IntoIterator<Item = S>) -> Self {
        let waiting = (1..).zip(messages.into_iter().map(Into::into)).collect();
        Self { state: Mutex::new(State { waiting, ..State::default() }), ..Self::default() }
    }

    pub(super) fn on_acknowledged(mut self, told: impl Fn(&[&str]) + Send + Sync + 'static) -> Self {
        self.on_acknowledged = Some(Box::new(told));
        self
    }

    pub(super) fn reporting_each(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Delivers a message again that was delivered, as after too long a silence.
    pub(super) fn redeliver(&self, place: u64) {
        let mut state = self.state();
        let text = state.delivered[&place].0.clone();
        state.waiting.push_front((place, text));
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until something is true of it.
    pub(super) async fn until(&self, holds: impl Fn(&State) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(&self.state()) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it happens soon");
    }

    /// The next message to deliver, with its place and tag.
    fn deliver(&self) -> Option<(u64, Tag, String)> {
        let state = &mut *self.state();
        let (place, text) = state.waiting.pop_front()?;
        state.next_tag += 1;
        state.delivered.insert(place, (text.clone(), state.next_tag));
        self.changed.notify_waiters();
        Some((place, state.next_tag, text))
    }
}

impl State {
    /// The text of a message that is acknowledged or given back. Only the tag of its last delivery is valid.
    fn settle(&mut self, message: &Message<Tag>) -> (String, Option<u64>) {
        let (text, tag) = self.delivered.remove(&message.place).expect("it was delivered");
        assert_eq!(message.handle, tag, "{text} was delivered again with another tag");
        (text, message.fault.as_ref().map(|fault| fault.record))
    }
}

impl Acknowledge for Broker {
    type Handle = Tag;

    async fn acknowledge(&self, messages: Vec<Message<Tag>>) -> Result<(), Error> {
        let state = &mut *self.state();
        let done: Vec<_> = messages.iter().map(|message| state.settle(message)).collect();
        if let Some(told) = &self.on_acknowledged {
            told(&done.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>());
        }
        state.acknowledged.extend(done);
        self.changed.notify_waiters();
        Ok(())
    }

    fn progress_interval(&self) -> Option<Duration> {
        self.interval
    }

    async fn in_progress(&self, tags: Vec<Tag>) {
        self.state().in_progress.push(tags);
        self.changed.notify_waiters();
    }

    async fn give_back(&self, messages: Vec<Message<Tag>>) {
        let state = &mut *self.state();
        for message in messages {
            let (text, fault) = state.settle(&message);
            state.waiting.push_back((message.place, text.clone()));
            state.given_back.push((text, fault));
        }
        self.changed.notify_waiters();
    }
}

/// Emits a broker's messages, of which each line is a record and `?` is none. Ends when there are no more, unless it
/// `follows`.
pub(super) struct Receiver {
    pub(super) broker: Arc<Broker>,
    pub(super) follows: bool,
    pub(super) policy: FaultPolicy,
}

impl<T: Record> Feed<T> for Receiver {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { broker, follows, policy } = self;
        let acknowledgements = Acknowledgements::new(source);
        acknowledgements.tell(source, "broker", broker.clone())?;
        loop {
            let changed = broker.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            while let Some((place, tag, text)) = broker.deliver() {
                if !acknowledgements.receive(place, tag) {
                    continue;
                }
                if text == "?" {
                    let refused =
                        Refused { record: b"?", name: "broker", message: "no record", policy: &policy };
                    acknowledgements.refuse(source, place, refused).await?;
                } else {
                    acknowledgements.emit_records(source, place, text.lines()).await?;
                }
            }
            if !follows {
                return Ok(());
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                error = source.failure() => return Err(error),
                () = changed => {}
            }
        }
    }
}
