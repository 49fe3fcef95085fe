//! The simulated broker: two bounded queues, which know messages by their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::messages::{ACK_WAIT, Event, Life, Message, ToBroker, ToHost, ToWorker};
use super::run::Simulation;
use crate::cluster::protocol::wire::ResultPart;

/// The broker gives a result once more if it is not acknowledged after this time.
pub(super) const RESULT_WAIT: Duration = Duration::from_secs(30);

/// A task in its queue.
#[derive(Debug)]
struct Queued {
    id: (u64, u64, u32),
    record: u64,
    deliveries: u64,
    lease: u64,
    leased: Duration,
}

/// All that the broker has and knows.
#[derive(Default, Debug)]
pub(super) struct Broker {
    pub(super) down: bool,
    next: u64,
    leases: u64,
    tasks: BTreeMap<u64, Queued>,
    task_ids: BTreeSet<(u64, u64, u32)>,
    results: BTreeMap<u64, (ResultPart, Duration)>,
    result_ids: BTreeSet<(u64, u64, u64, u32)>,
}

impl Broker {
    /// Loses all that it had, and what it knew of; sequence numbers start at 0 again, or not.
    pub(super) fn wipe(&mut self, restarts_numbers: bool) {
        let next = if restarts_numbers { 0 } else { self.next };
        *self = Self { next, ..Self::default() };
    }

    /// Forgets the ids of messages.
    pub(super) fn forget_ids(&mut self) {
        self.task_ids.clear();
        self.result_ids.clear();
    }

    /// Removes all messages.
    pub(super) fn clear(&mut self) {
        self.tasks.clear();
        self.results.clear();
    }
}

impl Simulation {
    /// A message reaches the broker, unless that is away.
    pub(super) fn broker_receives(&mut self, message: ToBroker) {
        if self.broker.down {
            return;
        }
        match message {
            ToBroker::Task { from, epoch, task, attempt, record } => {
                let sequence = self.take_task((epoch, task, attempt), record);
                self.send(Message::Host(from, ToHost::Published { task, attempt, sequence }));
            }
            ToBroker::Look { from, task, attempt, sequence, id } => {
                let found = self.broker.tasks.get(&sequence).is_some_and(|queued| queued.id == id);
                self.send(Message::Host(from, ToHost::Looked { task, attempt, found }));
            }
            ToBroker::Progress { sequence, lease } => {
                let now = self.now;
                let queued = self.broker.tasks.get_mut(&sequence);
                if let Some(queued) = queued.filter(|queued| queued.lease == lease) {
                    queued.leased = now + ACK_WAIT;
                    self.at(ACK_WAIT, Event::Serve);
                }
            }
            // The real one takes any delivery's acknowledgement.
            ToBroker::Taken { sequence } => drop(self.broker.tasks.remove(&sequence)),
            ToBroker::Result { from, key, part } => {
                let number = part.part;
                let kept = self.keep_result(part);
                self.send(Message::Worker(from, ToWorker::Kept { key, part: number, kept }));
            }
            ToBroker::Out { sequence } => drop(self.broker.results.remove(&sequence)),
        }
    }

    /// Queues a task, and returns its sequence number; none if there is no room.
    fn take_task(&mut self, id: (u64, u64, u32), record: u64) -> Option<u64> {
        if self.broker.task_ids.contains(&id) {
            // As the real one does, it tells where the first one stood.
            let first = self.broker.tasks.iter().find(|(_, queued)| queued.id == id);
            return Some(first.map_or(0, |(sequence, _)| *sequence));
        }
        if self.broker.tasks.len() >= self.schedule.room {
            return None;
        }
        self.broker.next += 1;
        self.broker.task_ids.insert(id);
        let queued = Queued { id, record, deliveries: 0, lease: 0, leased: Duration::ZERO };
        self.broker.tasks.insert(self.broker.next, queued);
        self.at(Duration::ZERO, Event::Serve);
        Some(self.broker.next)
    }

    /// Queues a part of a result, and says whether there was room.
    fn keep_result(&mut self, part: ResultPart) -> bool {
        let id = (part.epoch, part.task, part.nonce, part.part);
        let known = self.broker.result_ids.contains(&id);
        let kept = known || self.broker.results.len() < self.schedule.room;
        if kept && !known {
            self.broker.next += 1;
            self.broker.result_ids.insert(id);
            self.broker.results.insert(self.broker.next, (part, Duration::ZERO));
            self.at(Duration::ZERO, Event::Serve);
        }
        kept
    }

    /// Gives out tasks and results.
    pub(super) fn serve(&mut self) {
        if !self.broker.down {
            self.serve_tasks();
            self.serve_results();
        }
    }

    fn serve_tasks(&mut self) {
        let now = self.now;
        let mut free: Vec<_> = (0..self.workers.len())
            .filter(|worker| self.workers[*worker].alive && !self.workers[*worker].asleep)
            .collect();
        free.sort_by_key(|worker| (worker + self.tie as usize) % self.schedule.workers);
        let ready = self.broker.tasks.iter().filter(|(_, queued)| queued.leased <= now);
        let ready: Vec<_> = ready.map(|(sequence, _)| *sequence).collect();
        for (index, sequence) in ready.into_iter().enumerate() {
            let Some(worker) = free.get(index % free.len().max(1)).copied() else { break };
            self.broker.leases += 1;
            let lease = self.broker.leases;
            let to: Life = (worker, self.workers[worker].life);
            let Some(queued) = self.broker.tasks.get_mut(&sequence) else { continue };
            queued.deliveries += 1;
            (queued.lease, queued.leased) = (lease, now + ACK_WAIT);
            let (deliveries, record) = (queued.deliveries, queued.record);
            let (epoch, task, _) = queued.id;
            let deliver = ToWorker::Deliver { sequence, lease, deliveries, epoch, task, record };
            self.send(Message::Worker(to, deliver));
            self.at(ACK_WAIT, Event::Serve);
        }
    }

    fn serve_results(&mut self) {
        let now = self.now;
        let host = self.hosts.len() - 1;
        let ready = self.broker.results.iter().filter(|(_, (_, leased))| *leased <= now);
        let ready: Vec<_> = ready.map(|(sequence, _)| *sequence).collect();
        for sequence in ready {
            let Some((part, leased)) = self.broker.results.get_mut(&sequence) else { continue };
            *leased = now + RESULT_WAIT;
            let part = part.clone();
            self.send(Message::Host(host, ToHost::Given { sequence, part }));
            self.at(RESULT_WAIT, Event::Serve);
        }
    }
}
