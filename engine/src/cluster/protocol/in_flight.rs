//! What a host has handed out, and what has come back: the host's side of the protocol, without a network.
//!
//! It is told what happens and says what is to be done; it waits for nothing and looks at no clock. So the same
//! code runs behind a broker and in a simulation that loses, repeats and delays whatever it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::protocol::wire::ResultPart;

/// So many tasks are in flight at most.
pub(in crate::cluster) const MOST_TASKS: usize = 4096;

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

/// All that came of results whose other parts are missing has at most so many bytes, or as many as one of them may
/// have.
const MOST_DRAFTED: usize = 256 << 20;

/// A part costs so much beside its bytes: an empty one is not for nothing.
const PART_COST: usize = 1 << 10;

/// So many results of a task that were refused are known by their numbers, so that what follows of them is refused
/// too.
const MOST_REFUSED: usize = 16;

/// What a host is to do next. `T` is what a result is acknowledged by.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Act<T> {
    /// Publish a task, with an id that tells this attempt from others.
    Publish { task: u64, attempt: u32 },
    /// Ask the broker whether it still has a task, at this sequence number of its stream.
    Look { task: u64, attempt: u32, sequence: u64 },
    /// Acknowledge a message that nobody needs.
    Release(T),
    /// A result is whole. If it can be believed the task is to be [forgotten](InFlight::forget), else the result is to
    /// be [refused](InFlight::refuse). Its messages are acknowledged once all of it is out, which is
    /// [told](InFlight::released).
    Done { task: u64, nonce: u64, parts: Vec<Bytes>, tokens: Vec<T>, held: usize },
    /// A result is larger than it may be, and was refused.
    TooLarge { task: u64 },
    /// Nobody gives a result for a task, however often it is handed out.
    GiveUp { task: u64 },
}

/// All tasks that are out.
#[derive(Debug)]
pub(in crate::cluster) struct InFlight<T> {
    epoch: u64,
    next: u64,
    tasks: BTreeMap<u64, Entry<T>>,
    /// Bytes of results that the broker keeps until they are out.
    held: usize,
    /// What drafts cost together, in bytes.
    drafted: usize,
    /// More than this is acknowledged as it comes: the broker must have room for a result that others wait for.
    most: usize,
}

#[derive(Debug)]
struct Entry<T> {
    attempt: u32,
    refusals: u32,
    state: State,
    drafts: Vec<Draft<T>>,
    /// What a result may cost, in bytes.
    most: usize,
    /// Results that were refused, the latest last.
    refused: Vec<u64>,
    /// One was refused of this attempt.
    spoilt: bool,
}

#[derive(Debug)]
enum State {
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
    /// What its parts cost, in bytes.
    cost: usize,
}

impl<T> Entry<T> {
    /// Where a draft is among the drafts.
    fn draft(&self, nonce: u64) -> Option<usize> {
        self.drafts.iter().position(|draft| draft.nonce == nonce)
    }

    fn note_refused(&mut self, nonce: u64) {
        if self.refused.contains(&nonce) {
            return;
        }
        if self.refused.len() == MOST_REFUSED {
            self.refused.remove(0);
        }
        self.refused.push(nonce);
    }
}

impl<T> Draft<T> {
    fn new(nonce: u64, all: u32) -> Self {
        Self { nonce, parts: BTreeMap::new(), all, tokens: Vec::new(), held: 0, cost: 0 }
    }
}

impl<T> InFlight<T> {
    /// Of results that are not out, the broker keeps about `most` bytes.
    pub(in crate::cluster) fn new(epoch: u64, most: usize) -> Self {
        Self { epoch, next: 0, tasks: BTreeMap::new(), held: 0, drafted: 0, most }
    }

    /// How many tasks are out.
    pub(in crate::cluster) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// What drafts cost, and what they may.
    #[cfg(any(fuzzing, test))]
    pub(in crate::cluster) fn drafted(&self) -> (usize, usize) {
        let most = self.tasks.values().map(|entry| entry.most * MOST_DRAFTS).sum::<usize>();
        (self.drafted, most.min(MOST_DRAFTED))
    }

    /// Takes in another task, to be published now. Its result may have `most` bytes.
    pub(in crate::cluster) fn submit(&mut self, most: usize, now: Duration) -> (u64, Act<T>) {
        let task = self.next;
        self.next += 1;
        let state = State::Publishing { since: now };
        let (drafts, refused, most) = (Vec::new(), Vec::new(), most.saturating_add(PART_COST));
        let entry = Entry { attempt: 0, refusals: 0, state, drafts, most, refused, spoilt: false };
        self.tasks.insert(task, entry);
        (task, Act::Publish { task, attempt: 0 })
    }

    /// The broker has a task, at this sequence number of its stream.
    pub(in crate::cluster) fn published(&mut self, task: u64, attempt: u32, sequence: u64, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, State::Publishing { .. } | State::Waiting { .. })
        {
            entry.refusals = 0;
            entry.state = State::Out { sequence, since: now };
        }
    }

    /// The broker does not take a task now: it has no room, or can't be reached.
    pub(in crate::cluster) fn refused(&mut self, task: u64, attempt: u32, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && matches!(entry.state, State::Publishing { .. })
        {
            let wait = FIRST_WAIT.saturating_mul(1 << entry.refusals.min(16)).min(LONGEST_WAIT);
            entry.refusals += 1;
            entry.state = State::Waiting { until: now + wait };
        }
    }

    /// The broker was asked whether it still has a task.
    pub(in crate::cluster) fn looked(&mut self, task: u64, attempt: u32, found: bool, now: Duration) {
        if let Some(entry) = self.current(task, attempt)
            && let State::Sought { sequence, .. } = entry.state
        {
            entry.state = match found {
                true => State::Out { sequence, since: now },
                // Who was done with it gave what was refused.
                false if entry.spoilt => State::Gone { until: now },
                false => State::Gone { until: now + GRACE },
            };
        }
    }

    fn current(&mut self, task: u64, attempt: u32) -> Option<&mut Entry<T>> {
        self.tasks.get_mut(&task).filter(|entry| entry.attempt == attempt)
    }

    /// A part of a result came. What is of another run, comes twice or belongs to what was refused is acknowledged
    /// and no more.
    pub(in crate::cluster) fn result(&mut self, part: ResultPart, token: T, now: Duration) -> Vec<Act<T>> {
        let (task, nonce) = (part.task, part.nonce);
        let entry = self.tasks.get_mut(&task).filter(|_| part.epoch == self.epoch);
        let Some(entry) = entry.filter(|entry| part.part < part.parts && !entry.refused.contains(&nonce))
        else {
            return vec![Act::Release(token)];
        };
        let mut acts = Vec::new();
        if entry.drafts.len() == MOST_DRAFTS && entry.draft(nonce).is_none() {
            acts.extend(self.drop_draft(task, 0));
        }
        let Some(entry) = self.tasks.get_mut(&task) else { return acts };
        let index = entry.draft(nonce).unwrap_or_else(|| {
            entry.drafts.push(Draft::new(nonce, part.parts));
            entry.drafts.len() - 1
        });
        let (size, most) = (part.body.len(), entry.most);
        let draft = &mut entry.drafts[index];
        // It came before, or does not fit what came before.
        if part.parts != draft.all || draft.parts.contains_key(&part.part) {
            acts.push(Act::Release(token));
            return acts;
        }
        let cost = size + PART_COST;
        if draft.cost + cost > most || (draft.all as usize).saturating_mul(PART_COST) > most {
            acts.push(Act::Release(token));
            acts.extend(self.drop_draft(task, index));
            acts.extend(self.refuse(task, nonce, now));
            acts.push(Act::TooLarge { task });
            return acts;
        }
        draft.parts.insert(part.part, part.body);
        draft.cost += cost;
        self.drafted += cost;
        if self.held + size <= self.most {
            self.held += size;
            draft.held += size;
            draft.tokens.push(token);
        } else {
            acts.push(Act::Release(token));
        }
        if draft.parts.len() < draft.all as usize {
            acts.extend(self.make_room(most));
            return acts;
        }
        let draft = entry.drafts.remove(index);
        self.drafted -= draft.cost;
        let (parts, tokens, held) = (draft.parts.into_values().collect(), draft.tokens, draft.held);
        acts.push(Act::Done { task, nonce, parts, tokens, held });
        acts
    }

    /// Drops the largest drafts while all of them cost too much.
    fn make_room(&mut self, most: usize) -> Vec<Act<T>> {
        let mut acts = Vec::new();
        while self.drafted > MOST_DRAFTED.max(most) {
            let drafts = self.tasks.iter().flat_map(|(task, entry)| {
                entry.drafts.iter().enumerate().map(|(index, draft)| (draft.cost, *task, index))
            });
            let Some((_, task, index)) = drafts.max() else { break };
            acts.extend(self.drop_draft(task, index));
        }
        acts
    }

    /// Nobody waits for the rest of a draft any more.
    fn drop_draft(&mut self, task: u64, index: usize) -> Vec<Act<T>> {
        let Some(entry) = self.tasks.get_mut(&task) else { return Vec::new() };
        let draft = entry.drafts.remove(index);
        entry.note_refused(draft.nonce);
        self.held -= draft.held;
        self.drafted -= draft.cost;
        draft.tokens.into_iter().map(Act::Release).collect()
    }

    /// A result that was [`Done`](Act::Done) can't be believed: another one is waited for, and if the broker has the
    /// task no more it is handed out anew.
    pub(in crate::cluster) fn refuse(&mut self, task: u64, nonce: u64, now: Duration) -> Option<Act<T>> {
        let entry = self.tasks.get_mut(&task)?;
        entry.note_refused(nonce);
        entry.spoilt = true;
        let attempt = entry.attempt;
        let State::Out { sequence, .. } = entry.state else { return None };
        entry.state = State::Sought { sequence, since: now };
        Some(Act::Look { task, attempt, sequence })
    }

    /// A result that was [`Done`](Act::Done) is out, and its messages are acknowledged.
    pub(in crate::cluster) fn released(&mut self, held: usize) {
        self.held -= held;
    }

    /// Nobody wants the result of a task any more.
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
                State::Waiting { until } if until <= now => {
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                // The same id once more: if the broker has it after all, it takes it for what it is.
                State::Publishing { since } if since + REPLY <= now => {
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt });
                }
                State::Out { sequence, since } if since + LOOK <= now => {
                    entry.state = State::Sought { sequence, since: now };
                    acts.push(Act::Look { task, attempt, sequence });
                }
                State::Sought { sequence, since } if since + REPLY <= now => {
                    entry.state = State::Sought { sequence, since: now };
                    acts.push(Act::Look { task, attempt, sequence });
                }
                State::Gone { until } if until <= now => {
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
                    entry.state = State::Publishing { since: now };
                    acts.push(Act::Publish { task, attempt: entry.attempt });
                }
                _ => {}
            }
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// So many tasks are in flight, whose results may have 64 MiB each.
    fn in_flight(tasks: usize) -> InFlight<u64> {
        let mut in_flight = InFlight::new(1, 0);
        for _ in 0..tasks {
            let (task, _) = in_flight.submit(64 * MIB, Duration::ZERO);
            in_flight.published(task, 0, task, Duration::ZERO);
        }
        in_flight
    }

    fn part(task: u64, nonce: u64, (part, parts): (u32, u32), body: &Bytes) -> ResultPart {
        ResultPart { epoch: 1, task, nonce, part, parts, body: body.clone() }
    }

    #[test]
    fn drafts_stay_within_their_memory_limit() {
        let mut in_flight = in_flight(20);
        let body = Bytes::from(vec![0; MIB]);
        for task in 0..20 {
            for nonce in 0..2 {
                for index in 0..50 {
                    let acts = in_flight.result(part(task, nonce, (index, 60), &body), 0, Duration::ZERO);
                    assert!(acts.iter().all(|act| *act == Act::Release(0)));
                    assert!(in_flight.drafted <= MOST_DRAFTED + MIB + PART_COST);
                }
            }
        }
        // Empty parts are not for nothing.
        for task in 0..20 {
            for index in 0..60_000 {
                in_flight.result(part(task, 7, (index, 60_000), &Bytes::new()), 0, Duration::ZERO);
                assert!(in_flight.drafted <= MOST_DRAFTED + 2 * PART_COST);
            }
        }
        (0..20).for_each(|task| drop(in_flight.forget(task)));
        assert_eq!((in_flight.drafted, in_flight.held, in_flight.len()), (0, 0, 0));
    }

    #[test]
    fn an_oversized_result_is_refused_and_its_parts_ignored() {
        let mut in_flight = in_flight(1);
        let body = Bytes::from(vec![0; MIB]);
        let sent: Vec<_> = (0..100)
            .flat_map(|index| in_flight.result(part(0, 5, (index, 100), &body), 0, Duration::ZERO))
            .filter(|act| *act != Act::Release(0))
            .collect();
        assert_eq!(sent, [Act::Look { task: 0, attempt: 0, sequence: 0 }, Act::TooLarge { task: 0 }]);
        assert_eq!(in_flight.drafted, 0);
        // So many parts would cost too much, whatever is in them.
        let acts = in_flight.result(part(0, 6, (0, u32::MAX), &Bytes::new()), 0, Duration::ZERO);
        assert!(acts.contains(&Act::TooLarge { task: 0 }));
        // An honest one is taken all the same.
        let acts = in_flight.result(part(0, 8, (0, 1), &body), 0, Duration::ZERO);
        assert!(acts.iter().any(|act| matches!(act, Act::Done { task: 0, nonce: 8, .. })));
    }

    #[test]
    fn a_task_with_a_refused_result_is_redispatched_at_once() {
        let mut in_flight = in_flight(1);
        let body = Bytes::from_static(b"x");
        for attempt in 0..MOST_ATTEMPTS {
            let nonce = u64::from(attempt);
            let acts = in_flight.result(part(0, nonce, (0, 1), &body), 0, Duration::ZERO);
            assert!(acts.iter().any(|act| matches!(act, Act::Done { .. })));
            assert_eq!(
                in_flight.refuse(0, nonce, Duration::ZERO),
                Some(Act::Look { task: 0, attempt, sequence: 0 })
            );
            in_flight.looked(0, attempt, false, Duration::ZERO);
            let acts = in_flight.tick(Duration::ZERO);
            let last = attempt + 1 == MOST_ATTEMPTS;
            let anew = Act::Publish { task: 0, attempt: attempt + 1 };
            assert_eq!(acts, [if last { Act::GiveUp { task: 0 } } else { anew }]);
            in_flight.published(0, attempt + 1, 0, Duration::ZERO);
        }
    }
}
