//! Simulated workers: each drives the real leases of tasks.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::messages::{ACK_WAIT, Event, Life, Message, TICK, ToBroker, ToWorker};
use super::run::Simulation;
use crate::cluster::protocol::leases::{Act, Judged, Leases, judge};
use crate::cluster::protocol::wire::{PART_BYTES, ResultPart};

/// A worker, which may have died.
pub(super) struct Worker {
    /// Each life has another number.
    pub(super) life: u64,
    pub(super) alive: bool,
    pub(super) asleep: bool,
    epoch: u64,
    leases: Leases<(u64, u64)>,
    /// What happens while it sleeps.
    pub(super) missed: Vec<Event>,
}

/// What the function makes of a record.
pub(super) fn made_of(record: u64) -> u64 {
    record * 10 + 1
}

/// What is in the output for the record that kills: its fault.
pub(super) const KILLED: u64 = u64::MAX;

impl Worker {
    /// A worker that has not begun.
    pub(super) fn new() -> Self {
        let leases = Leases::new(ACK_WAIT);
        Self { life: 0, alive: false, asleep: false, epoch: 0, leases, missed: Vec::new() }
    }
}

impl Simulation {
    pub(super) fn lives(&self, (worker, life): Life) -> bool {
        self.workers[worker].alive && self.workers[worker].life == life
    }

    pub(super) fn start_worker(&mut self, worker: usize) {
        let epoch = self.hosts.last().map_or(0, |host| host.epoch);
        let this = &mut self.workers[worker];
        this.life += 1;
        (this.alive, this.asleep, this.epoch) = (true, false, epoch);
        this.leases = Leases::new(ACK_WAIT);
        let life = this.life;
        self.at(TICK, Event::WorkerTick((worker, life)));
        self.at(Duration::ZERO, Event::Serve);
    }

    pub(super) fn kill_worker(&mut self, worker: usize) {
        self.workers[worker].alive = false;
        self.workers[worker].missed.clear();
        let delay = self.within(1_000_000);
        self.at(delay, Event::WorkerStarts(worker));
    }

    pub(super) fn wake_worker(&mut self, worker: usize) {
        self.workers[worker].asleep = false;
        self.at(Duration::ZERO, Event::Serve);
        for event in std::mem::take(&mut self.workers[worker].missed) {
            self.happens(event);
        }
    }

    pub(super) fn worker_tick(&mut self, worker: Life) {
        self.at(TICK, Event::WorkerTick(worker));
        let acts = self.workers[worker.0].leases.tick(self.now);
        self.do_worker(worker.0, acts);
    }

    /// Another host has taken over.
    pub(super) fn worker_hears(&mut self, worker: usize, epoch: u64) {
        let known = &mut self.workers[worker];
        if known.epoch < epoch {
            known.epoch = epoch;
            known.leases.reset(ACK_WAIT);
        }
    }

    /// A worker is done with a task, or dies of it.
    pub(super) fn worked(&mut self, worker: usize, key: u64, parts: Vec<ResultPart>, dies: bool) {
        if dies {
            self.deaths_by_poison += 1;
            return self.kill_worker(worker);
        }
        let acts = self.workers[worker].leases.finished(key, parts, self.now);
        self.do_worker(worker, acts);
    }

    /// A message reaches a worker, unless that is dead.
    pub(super) fn worker_receives(&mut self, worker: Life, message: ToWorker) {
        if !self.lives(worker) {
            return;
        }
        match message {
            ToWorker::Deliver { sequence, lease, deliveries, epoch, task, record } => {
                let judged = judge(epoch, self.workers[worker.0].epoch, deliveries);
                if judged == Judged::Stale {
                    return self.send(Message::Broker(ToBroker::Taken { sequence }));
                }
                let key = self.workers[worker.0].leases.take((sequence, lease), self.now);
                self.work_on(worker, key, (epoch, task, record), judged);
            }
            ToWorker::Kept { key, part, kept } => {
                let leases = &mut self.workers[worker.0].leases;
                let act = if kept { leases.kept(key, part) } else { None };
                if !kept {
                    leases.refused(key, part, self.now);
                }
                self.do_worker(worker.0, act.into_iter().collect());
            }
        }
    }

    fn work_on(&mut self, worker: Life, key: u64, (epoch, task, record): (u64, u64, u64), judged: Judged) {
        self.tasks_run += 1;
        // Some take longer than a worker is given for them, as one does that hangs.
        let work = self.within(self.schedule.work);
        let deadline = self.now + Duration::from_secs(1);
        self.workers[worker.0].leases.run(key, deadline);
        let poison = self.schedule.poison == Some(record);
        let value = if poison { KILLED } else { made_of(record) };
        let nonce = self.random.next();
        // A mix of parts of two results has two numbers in it.
        let body = Bytes::from([value, nonce, nonce].map(u64::to_le_bytes).concat());
        let parts = if record.is_multiple_of(3) {
            let half = |part: u32, bytes: Range<usize>| {
                let body = body.slice(bytes);
                ResultPart { epoch, task, nonce, part, parts: 2, body }
            };
            vec![half(0, 0..16), half(1, 16..24)]
        } else {
            ResultPart::cut(epoch, task, nonce, &body, PART_BYTES)
        };
        let dies = poison && judged == Judged::Run;
        self.at(work, Event::Worked { worker, key, parts, dies });
    }

    /// Does what the protocol wants to have done.
    fn do_worker(&mut self, worker: usize, acts: Vec<Act<(u64, u64)>>) {
        for act in acts {
            match act {
                Act::Progress { key } => {
                    if let Some((sequence, lease)) = self.workers[worker].leases.token(key).copied() {
                        self.send(Message::Broker(ToBroker::Progress { sequence, lease }));
                    }
                }
                Act::Publish { key, part } => {
                    let from = (worker, self.workers[worker].life);
                    self.send(Message::Broker(ToBroker::Result { from, key, part }));
                }
                Act::Acknowledge((sequence, _)) => {
                    self.send(Message::Broker(ToBroker::Taken { sequence }));
                    self.at(Duration::ZERO, Event::Serve);
                }
            }
        }
    }
}
