//! What a host has handed out, and what has come back: the host's side of the protocol, without a network.
//!
//! It is told what happens and says what is to be done; it waits for nothing and looks at no clock. So the same
//! code runs behind a broker and in a simulation that loses, repeats and delays whatever it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::wire::{MOST_PARTS, ResultPart};

/// A broker that does not answer within this time is asked again.
const REPLY: Duration = Duration::from_secs(10);

/// A task that is out is looked for so often.
const LOOK: Duration = Duration::from_secs(5);

/// A task that the broker has no more, since somebody is done with it, gives its result within this time.
const GRACE: Duration = Duration::from_secs(3);

/// So often a task is handed out anew before the run gives it up.
const MOST_ATTEMPTS: u32 = 8;

/// The first wait before a broker that refused is asked again; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Results in parts by so many workers are kept for one task at once.
const MOST_DRAFTS: usize = 4;

/// What a host is to do next. `T` is what a result is acknowledged by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act<T> {
    /// Publish a task, with an id that tells this attempt from others.
    Publish { task: u64, attempt: u32 },
    /// Ask the broker whether it still has a task, at this place of its stream.
    Look { task: u64, attempt: u32, place: u64 },
    /// Acknowledge a message that nobody needs.
    Release(T),
    /// A result is whole. Its messages are acknowledged once all of it is out, which is
    /// [told](Ledger::released).
    Done { task: u64, parts: Vec<Bytes>, tokens: Vec<T>, held: usize },
    /// Nobody gives a result for a task, however often it is handed out.
    GiveUp { task: u64 },
}

/// All tasks that are out.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    epoch: u64,
    next: u64,
    tasks: BTreeMap<u64, Entry<T>>,
    /// Bytes of results that the broker keeps until they are out.
    held: usize,
    /// More than this is acknowledged as it comes: the broker must have room for a result that others wait for.
    most: usize,
}

#[derive(Debug)]
struct Entry<T> {
    attempt: u32,
    refusals: u32,
    state: State,
    drafts: Vec<Draft<T>>,
}

#[derive(Debug)]
enum State {
    /// To be published then.
    Waiting { until: Duration },
    /// The broker has not said yet that it has it.
    Publishing { since: Duration },
    /// The broker has it, or had it.
    Out { place: u64, since: Duration },
    /// It was asked whether it still has it.
    Sought { place: u64, since: Duration },
    /// It has it no more.
    Gone { since: Duration },
}

/// A result, of which parts are missing.
#[derive(Debug)]
struct Draft<T> {
    /// Tells it from what others made of the same task.
    nonce: u64,
    parts: BTreeMap<u32, Bytes>,
    /// How many there are.
    all: u32,
    tokens: Vec<T>,
    /// The bytes of those parts that are not acknowledged.
    held: usize,
}

impl<T> Ledger<T> {
    /// Of results that are not out, the broker keeps about `most` bytes.
    pub(super) fn new(epoch: u64, most: usize) -> Self {
        Self { epoch, next: 0, tasks: BTreeMap::new(), held: 0, most }
    }

    /// How many tasks are out.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Takes in another task, to be published now.
    pub(super) fn submit(&mut self, now: Duration) -> (u64, Act<T>) {
        let task = self.next;
        self.next += 1;
        let state = State::Publishing { since: now };
        self.tasks.insert(task, Entry { attempt: 0, refusals: 0, state, drafts: Vec::new() });
        (task, Act::Publish { task, attempt: 0 })
    }

    /// The broker has a task, at this place of its stream.
    pub(super) fn published(&mut self, task: u64, attempt: u32, place: u64, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, State::Publishing { .. } | State::Waiting { .. })
        {
            entry.refusals = 0;
            entry.state = State::Out { place, since: now };
        }
    }

    /// The broker does not take a task now: it has no room, or can't be reached.
    pub(super) fn refused(&mut self, task: u64, attempt: u32, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, State::Publishing { .. })
        {
            let wait = FIRST_WAIT.saturating_mul(1 << entry.refusals.min(16)).min(LONGEST_WAIT);
            entry.refusals += 1;
            entry.state = State::Waiting { until: now + wait };
        }
    }

    /// The broker was asked whether it still has a task.
    pub(super) fn looked(&mut self, task: u64, attempt: u32, found: bool, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && let State::Sought { place, .. } = entry.state
        {
            entry.state = if found { State::Out { place, since: now } } else { State::Gone { since: now } };
        }
    }

    fn current(&mut self, task: u64, attempt: u32) -> Option<&mut Entry<T>> {
        self.tasks.get_mut(&task).filter(|entry| entry.attempt == attempt)
    }

    /// A part of a result came. Whose run it is not, and what comes twice, is acknowledged and no more.
    pub(super) fn result(&mut self, part: ResultPart, token: T) -> Vec<Act<T>> {
        let entry = self.tasks.get_mut(&part.task).filter(|_| part.epoch == self.epoch);
        let Some(entry) = entry.filter(|_| part.part < part.parts && part.parts <= MOST_PARTS) else {
            return vec![Act::Release(token)];
        };
        let mut acts = Vec::new();
        let known = entry.drafts.iter().position(|draft| draft.nonce == part.nonce);
        let index = known.unwrap_or_else(|| {
            if entry.drafts.len() == MOST_DRAFTS {
                let oldest = entry.drafts.remove(0);
                self.held -= oldest.held;
                acts.extend(oldest.tokens.into_iter().map(Act::Release));
            }
            let (parts, all) = (BTreeMap::new(), part.parts);
            entry.drafts.push(Draft { nonce: part.nonce, parts, all, tokens: Vec::new(), held: 0 });
            entry.drafts.len() - 1
        });
        let draft = &mut entry.drafts[index];
        let size = part.body.len();
        // It came before, or does not fit what came before.
        if part.parts != draft.all || draft.parts.contains_key(&part.part) {
            acts.push(Act::Release(token));
            return acts;
        }
        draft.parts.insert(part.part, part.body);
        if self.held + size <= self.most {
            self.held += size;
            draft.held += size;
            draft.tokens.push(token);
        } else {
            acts.push(Act::Release(token));
        }
        if draft.parts.len() < draft.all as usize {
            return acts;
        }
        let draft = entry.drafts.remove(index);
        acts.extend(self.forget(part.task));
        let parts = draft.parts.into_values().collect();
        acts.push(Act::Done { task: part.task, parts, tokens: draft.tokens, held: draft.held });
        acts
    }

    /// A result that was [`Done`](Act::Done) is out, and its messages are acknowledged.
    pub(super) fn released(&mut self, held: usize) {
        self.held -= held;
    }

    /// Nobody wants the result of a task any more.
    pub(super) fn forget(&mut self, task: u64) -> Vec<Act<T>> {
        let entry = self.tasks.remove(&task);
        let drafts = entry.map(|entry| entry.drafts).unwrap_or_default();
        self.held -= drafts.iter().map(|draft| draft.held).sum::<usize>();
        drafts.into_iter().flat_map(|draft| draft.tokens).map(Act::Release).collect()
    }

    /// Time has passed. To be called some ten times in a second.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Act<T>> {
        let mut acts = Vec::new();
        for (task, entry) in &mut self.tasks {
            let (task, attempt) = (*task, entry.attempt);
            match entry.state {
                State::Waiting { until } if until <= now => {
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                // The same id once more: if the broker has it after all, it takes it for what it is.
                State::Publishing { since } if since + REPLY <= now => {
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                State::Out { place, since } if since + LOOK <= now => {
                    entry.state = State::Sought { place, since: now };
                    acts.push(Act::Look { task, attempt, place });
                }
                State::Sought { place, since } if since + REPLY <= now => {
                    entry.state = State::Sought { place, since: now };
                    acts.push(Act::Look { task, attempt, place });
                }
                State::Gone { since } if since + GRACE <= now => {
                    if attempt + 1 == MOST_ATTEMPTS {
                        acts.push(Act::GiveUp { task });
                        continue;
                    }
                    // What came of the last attempt may be half lost.
                    let drafts = std::mem::take(&mut entry.drafts);
                    self.held -= drafts.iter().map(|draft| draft.held).sum::<usize>();
                    acts.extend(drafts.into_iter().flat_map(|draft| draft.tokens).map(Act::Release));
                    entry.attempt += 1;
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt: entry.attempt });
                }
                _ => {}
            }
        }
        acts
    }
}
