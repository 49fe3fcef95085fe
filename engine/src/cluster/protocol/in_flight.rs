//! What a host has handed out, and what has come back: the host's side of the protocol, without a network.
//!
//! It takes in what happens and returns what to do; it never waits and reads no clock. So the same
//! code runs with a broker and in a simulation that loses, repeats and delays whatever it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::draft::{Draft, PART_COST};

/// Tasks in flight at most.
pub(in crate::cluster) const MOST_TASKS: usize = 4096;

/// A broker that does not answer within this time is asked again.
const REPLY: Duration = Duration::from_secs(10);

/// How often the broker is asked for a task that is in flight.
const LOOK: Duration = Duration::from_secs(5);

/// If the broker does not have a task any more, a worker is done with it, and its result comes within this time.
const GRACE: Duration = Duration::from_secs(3);

/// So often a task is handed out again before the run gives it up.
const MOST_ATTEMPTS: u32 = 8;

/// The first wait before a broker that refused is asked again; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Refused results of a task that are known by their numbers, so that their later parts are refused too.
const MOST_REFUSED: usize = 16;

/// What a host is to do next. `T` is what a result is acknowledged by.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Act<T> {
    /// Publish a task, with an id that tells this attempt from others.
    Publish { task: u64, attempt: u32 },
    /// Ask the broker whether it still has a task, at this sequence number of its stream.
    Look { task: u64, attempt: u32, sequence: u64 },
    /// Acknowledge a message that is not needed any more.
    Release(T),
    /// A result is whole. If it can be believed the task is to be [forgotten](InFlight::forget), else the result is
    /// to be [refused](InFlight::refuse). Its messages are acknowledged once all of it is out, which is
    /// [told](InFlight::released).
    Done { task: u64, nonce: u64, parts: Vec<Bytes>, tokens: Vec<T>, held: usize },
    /// A result is larger than it may be, and was refused.
    TooLarge { task: u64 },
    /// No worker gives a result for a task, however often it is handed out.
    GiveUp { task: u64 },
}

/// All tasks that are in flight.
#[derive(Debug)]
pub(in crate::cluster) struct InFlight<T> {
    pub(super) epoch: u64,
    next: u64,
    pub(super) tasks: BTreeMap<u64, Entry<T>>,
    /// Bytes of results that the broker keeps until they are out.
    pub(super) held: usize,
    /// What drafts cost together, in bytes.
    pub(super) drafted: usize,
    /// More than this is acknowledged as it comes: the broker must have room for a result that others wait for.
    pub(super) most: usize,
}

/// What is known of a task.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) attempt: u32,
    refusals: u32,
    pub(super) state: TaskState,
    pub(super) drafts: Vec<Draft<T>>,
    /// What a result may cost, in bytes.
    pub(super) most: usize,
    /// Results that were refused, the latest last.
    refused: Vec<u64>,
    /// One was refused of this attempt.
    pub(super) spoilt: bool,
}

/// Where a task is.
#[derive(Debug)]
pub(super) enum TaskState {
    /// To be published then.
    Waiting { until: Duration },
    /// The broker has not said yet that it has it.
    Publishing { since: Duration },
    /// The broker has it, or had it.
    Out { sequence: u64, since: Duration },
    /// It was asked whether it still has it.
    Sought { sequence: u64, since: Duration },
    /// It has it no more, and what came of it is waited for until then.
    Gone { until: Duration },
}

impl<T> Entry<T> {
    /// Whether a result was refused.
    pub(super) fn has_refused(&self, nonce: u64) -> bool {
        self.refused.contains(&nonce)
    }

    /// The index of a draft.
    pub(super) fn draft(&self, nonce: u64) -> Option<usize> {
        self.drafts.iter().position(|draft| draft.nonce == nonce)
    }

    /// Notes that a result was refused, so that what follows of it is refused too.
    pub(super) fn note_refused(&mut self, nonce: u64) {
        if self.refused.contains(&nonce) {
            return;
        }
        if self.refused.len() == MOST_REFUSED {
            self.refused.remove(0);
        }
        self.refused.push(nonce);
    }
}

impl<T> InFlight<T> {
    /// Of results that are not out, the broker keeps about `most` bytes.
    pub(in crate::cluster) fn new(epoch: u64, most: usize) -> Self {
        Self { epoch, next: 0, tasks: BTreeMap::new(), held: 0, drafted: 0, most }
    }

    /// How many tasks are in flight.
    pub(in crate::cluster) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Takes in another task, to be published now. Its result may have `most` bytes.
    pub(in crate::cluster) fn submit(&mut self, most: usize, now: Duration) -> (u64, Act<T>) {
        let task = self.next;
        self.next += 1;
        let state = TaskState::Publishing { since: now };
        let (drafts, refused, most) = (Vec::new(), Vec::new(), most.saturating_add(PART_COST));
        let entry = Entry { attempt: 0, refusals: 0, state, drafts, most, refused, spoilt: false };
        self.tasks.insert(task, entry);
        (task, Act::Publish { task, attempt: 0 })
    }

    /// The broker has a task, at this sequence number of its stream.
    pub(in crate::cluster) fn published(&mut self, task: u64, attempt: u32, sequence: u64, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, TaskState::Publishing { .. } | TaskState::Waiting { .. })
        {
            entry.refusals = 0;
            entry.state = TaskState::Out { sequence, since: now };
        }
    }

    /// The broker does not take a task now: it has no room, or can't be reached.
    pub(in crate::cluster) fn refused(&mut self, task: u64, attempt: u32, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, TaskState::Publishing { .. })
        {
            let wait = FIRST_WAIT.saturating_mul(1 << entry.refusals.min(16)).min(LONGEST_WAIT);
            entry.refusals += 1;
            entry.state = TaskState::Waiting { until: now + wait };
        }
    }

    /// The broker was asked whether it still has a task.
    pub(in crate::cluster) fn looked(&mut self, task: u64, attempt: u32, found: bool, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && let TaskState::Sought { sequence, .. } = entry.state
        {
            entry.state = match found {
                true => TaskState::Out { sequence, since: now },
                // The worker that was done with it gave what was refused.
                false if entry.spoilt => TaskState::Gone { until: now },
                false => TaskState::Gone { until: now + GRACE },
            };
        }
    }

    fn current(&mut self, task: u64, attempt: u32) -> Option<&mut Entry<T>> {
        self.tasks.get_mut(&task).filter(|entry| entry.attempt == attempt)
    }

    /// A result that was [`Done`](Act::Done) is out, and its messages are acknowledged.
    pub(in crate::cluster) fn released(&mut self, held: usize) {
        self.held -= held;
    }

    /// Forgets a task whose result is not wanted any more.
    pub(in crate::cluster) fn forget(&mut self, task: u64) -> Vec<Act<T>> {
        let entry = self.tasks.remove(&task);
        let drafts = entry.map(|entry| entry.drafts).unwrap_or_default();
        self.held -= drafts.iter().map(|draft| draft.held).sum::<usize>();
        self.drafted -= drafts.iter().map(|draft| draft.cost).sum::<usize>();
        drafts.into_iter().flat_map(|draft| draft.tokens).map(Act::Release).collect()
    }

    /// Time has passed. To be called some ten times in a second.
    pub(in crate::cluster) fn tick(&mut self, now: Duration) -> Vec<Act<T>> {
        let mut acts = Vec::new();
        for (task, entry) in &mut self.tasks {
            let (task, attempt) = (*task, entry.attempt);
            match entry.state {
                TaskState::Waiting { until } if until <= now => {
                    entry.state = TaskState::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                // The same id once more: if the broker has it after all, it takes it for what it is.
                TaskState::Publishing { since } if since + REPLY <= now => {
                    entry.state = TaskState::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                TaskState::Out { sequence, since } if since + LOOK <= now => {
                    entry.state = TaskState::Sought { sequence, since: now };
                    acts.push(Act::Look { task, attempt, sequence });
                }
                TaskState::Sought { sequence, since } if since + REPLY <= now => {
                    entry.state = TaskState::Sought { sequence, since: now };
                    acts.push(Act::Look { task, attempt, sequence });
                }
                TaskState::Gone { until } if until <= now => {
                    if attempt + 1 == MOST_ATTEMPTS {
                        acts.push(Act::GiveUp { task });
                        continue;
                    }
                    // What came of the last attempt may be half lost.
                    for draft in std::mem::take(&mut entry.drafts) {
                        self.held -= draft.held;
                        self.drafted -= draft.cost;
                        acts.extend(draft.tokens.into_iter().map(Act::Release));
                    }
                    entry.attempt += 1;
                    entry.spoilt = false;
                    entry.state = TaskState::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt: entry.attempt });
                }
                _ => {}
            }
        }
        acts
    }
}

#[cfg(test)]
mod tests;
