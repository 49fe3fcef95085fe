//! The tasks that a worker has taken, and the results that it owes: its side of the protocol, without a network.
//!
//! A task is acknowledged only when the broker has its result. Until then the broker gets a message now and then that
//! work goes on, but no longer than the functions' own limits allow: a task that hangs is left to other workers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::protocol::wire::ResultPart;

/// A broker that does not answer within this time gets the message again.
const REPLY: Duration = Duration::from_secs(7);

/// The first wait before a broker that refused is asked again; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A task is given out so often before it is run apart: most workers that die have not died of a record, and what
/// they had is done soonest as everything else is.
const APART: u64 = 2;

/// What a worker does with a task that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Judged {
    /// It is run.
    Run,
    /// It is run in a separate process: it may have killed the workers that had it before.
    Isolate,
    /// Another host has taken over since, and does not want it.
    Stale,
}

/// What to do with a task of a host of `epoch`, delivered so often by now, where `known` is the latest epoch.
pub(in crate::cluster) fn judge(epoch: u64, known: u64, deliveries: u64) -> Judged {
    match deliveries {
        _ if epoch < known => Judged::Stale,
        0..=APART => Judged::Run,
        _ => Judged::Isolate,
    }
}

/// What a worker is to do next. `T` is what a task is acknowledged by.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Act<T> {
    /// Tell the broker that work goes on.
    Progress { key: u64 },
    /// Publish a part of a result.
    Publish { key: u64, part: ResultPart },
    /// The broker has all of the result.
    Acknowledge(T),
}

/// The tasks of one run that a worker holds.
#[derive(Debug)]
pub(in crate::cluster) struct Leases<T> {
    /// The broker gives a task to another worker if it hears nothing for this time.
    ack_wait: Duration,
    next: u64,
    items: BTreeMap<u64, Item<T>>,
}

#[derive(Debug)]
struct Item<T> {
    token: T,
    /// When the broker heard of it last.
    heard: Duration,
    state: LeaseState,
}

#[derive(Debug)]
enum LeaseState {
    /// It waits until functions have time for it.
    Queued,
    /// Functions work on it, and should make progress by then.
    Running {
        deadline: Duration,
    },
    Publishing {
        parts: Vec<(ResultPart, Sending)>,
        refusals: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Waiting { until: Duration },
    Sent { since: Duration },
    Kept,
}

impl<T> Leases<T> {
    pub(in crate::cluster) fn new(ack_wait: Duration) -> Self {
        Self { ack_wait, next: 0, items: BTreeMap::new() }
    }

    /// A task is taken up, and waits for its turn.
    pub(in crate::cluster) fn take(&mut self, token: T, now: Duration) -> u64 {
        let key = self.next;
        self.next += 1;
        self.items.insert(key, Item { token, heard: now, state: LeaseState::Queued });
        key
    }

    /// Functions are at a task, or have got further with it. They may take until `deadline` before they get further
    /// again.
    pub(in crate::cluster) fn run(&mut self, key: u64, deadline: Duration) {
        if let Some(item) = self.items.get_mut(&key) {
            item.state = LeaseState::Running { deadline };
        }
    }

    /// What a task is acknowledged by, while it is held.
    pub(in crate::cluster) fn token(&self, key: u64) -> Option<&T> {
        self.items.get(&key).map(|item| &item.token)
    }

    /// There is a result.
    pub(in crate::cluster) fn finished(
        &mut self,
        key: u64,
        parts: Vec<ResultPart>,
        now: Duration,
    ) -> Vec<Act<T>> {
        let Some(item) = self.items.get_mut(&key) else { return Vec::new() };
        let sent = parts.iter().map(|part| (part.clone(), Sending::Sent { since: now })).collect();
        item.state = LeaseState::Publishing { parts: sent, refusals: 0 };
        parts.into_iter().map(|part| Act::Publish { key, part }).collect()
    }

    /// The broker has a part of a result.
    pub(in crate::cluster) fn kept(&mut self, key: u64, part: u32) -> Option<Act<T>> {
        let LeaseState::Publishing { parts, refusals } = &mut self.items.get_mut(&key)?.state else {
            return None;
        };
        *refusals = 0;
        let (_, sending) = parts.get_mut(part as usize)?;
        *sending = Sending::Kept;
        if parts.iter().any(|(_, sending)| *sending != Sending::Kept) {
            return None;
        }
        self.items.remove(&key).map(|item| Act::Acknowledge(item.token))
    }

    /// The broker does not take a part of a result now: it has no room, or can't be reached.
    pub(in crate::cluster) fn refused(&mut self, key: u64, part: u32, now: Duration) {
        if let Some(Item { state: LeaseState::Publishing { parts, refusals }, .. }) = self.items.get_mut(&key)
            && let Some((_, sending @ Sending::Sent { .. })) = parts.get_mut(part as usize)
        {
            let wait = FIRST_WAIT.saturating_mul(1 << (*refusals).min(16)).min(LONGEST_WAIT);
            *refusals += 1;
            *sending = Sending::Waiting { until: now + wait };
        }
    }

    /// Gives a task up: another worker may have it.
    pub(in crate::cluster) fn let_go(&mut self, key: u64) -> Option<T> {
        self.items.remove(&key).map(|item| item.token)
    }

    /// Lets go of everything, as a worker does that hears of a new host. `ack_wait` is the new host's.
    pub(in crate::cluster) fn reset(&mut self, ack_wait: Duration) -> Vec<T> {
        self.ack_wait = ack_wait;
        std::mem::take(&mut self.items).into_values().map(|item| item.token).collect()
    }

    pub(in crate::cluster) fn len(&self) -> usize {
        self.items.len()
    }

    pub(in crate::cluster) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Time has passed. To be called some ten times in a second.
    pub(in crate::cluster) fn tick(&mut self, now: Duration) -> Vec<Act<T>> {
        let mut acts = Vec::new();
        for (key, item) in &mut self.items {
            let key = *key;
            let owed = match &item.state {
                LeaseState::Running { deadline } => now < *deadline,
                LeaseState::Queued | LeaseState::Publishing { .. } => true,
            };
            if owed && item.heard + self.ack_wait / 3 <= now {
                item.heard = now;
                acts.push(Act::Progress { key });
            }
            let LeaseState::Publishing { parts, .. } = &mut item.state else { continue };
            for (part, sending) in parts {
                let again = match *sending {
                    Sending::Waiting { until } => until <= now,
                    Sending::Sent { since } => since + REPLY <= now,
                    Sending::Kept => false,
                };
                if again {
                    *sending = Sending::Sent { since: now };
                    acts.push(Act::Publish { key, part: part.clone() });
                }
            }
        }
        acts
    }
}
