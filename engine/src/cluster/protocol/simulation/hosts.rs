//! Simulated hosts: each drives the real account of tasks in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::messages::{Event, Message, TICK, ToBroker, ToHost};
use super::run::Simulation;
use crate::cluster::protocol::in_flight::{Act, InFlight};

/// Bytes of a result at most.
const MOST_RESULT: usize = 1 << 20;

/// A host, which may have been taken over.
pub(super) struct Host {
    pub(super) alive: bool,
    pub(super) epoch: u64,
    pub(super) in_flight: InFlight<u64>,
    /// The record of each task.
    records: BTreeMap<u64, u64>,
    emitted: u64,
    /// Results that wait for earlier ones, by their records.
    waiting: BTreeMap<u64, (Bytes, Vec<u64>, usize)>,
    sunk: u64,
    /// What it wrote, beginning with what was there when it took over.
    pub(super) output: Vec<u64>,
}

impl Simulation {
    pub(super) fn start_host(&mut self) {
        let epoch = self.hosts.last().map_or(1, |host| host.epoch + 1);
        let old = self.hosts.len().wrapping_sub(1);
        if old < self.hosts.len() {
            let delay = self.within(2_000_000);
            self.at(delay, Event::Fenced(old));
        }
        let sunk = self.committed.len() as u64;
        self.hosts.push(Host {
            alive: true,
            epoch,
            // There is always room for one more: a part has 8 bytes or more.
            in_flight: InFlight::new(epoch, 8 * (self.schedule.room - 1)),
            records: BTreeMap::new(),
            emitted: sunk,
            waiting: BTreeMap::new(),
            sunk,
            output: self.committed.clone(),
        });
        self.broker.clear();
        for worker in 0..self.workers.len() {
            let (life, delay) = (self.workers[worker].life, self.within(1_000_000));
            self.at(delay, Event::Hears { worker: (worker, life), epoch });
        }
        let host = self.hosts.len() - 1;
        self.at(Duration::ZERO, Event::HostTick(host));
    }

    pub(super) fn host_tick(&mut self, host: usize) {
        if !self.hosts[host].alive {
            return;
        }
        self.at(TICK, Event::HostTick(host));
        let acts = self.hosts[host].in_flight.tick(self.now);
        self.do_host(host, acts);
        self.emit(host);
    }

    /// A message reaches a host, unless that is dead.
    pub(super) fn host_receives(&mut self, host: usize, message: ToHost) {
        if !self.hosts[host].alive {
            return;
        }
        let (in_flight, now) = (&mut self.hosts[host].in_flight, self.now);
        match message {
            ToHost::Published { task, attempt, sequence: Some(sequence) } => {
                in_flight.published(task, attempt, sequence, now);
            }
            ToHost::Published { task, attempt, sequence: None } => in_flight.refused(task, attempt, now),
            ToHost::Looked { task, attempt, found } => in_flight.looked(task, attempt, found, now),
            ToHost::Given { sequence, part } => {
                let acts = in_flight.result(part, sequence, now);
                self.do_host(host, acts);
            }
        }
    }

    /// Hands out records while more may be unfinished.
    fn emit(&mut self, host: usize) {
        let (records, window) = (self.schedule.records, self.schedule.window);
        while self.hosts[host].emitted < records {
            let this = &mut self.hosts[host];
            // Unfinished are those that are in flight, and those whose results wait for others.
            let unfinished = this.in_flight.len() + this.waiting.len();
            assert!(unfinished <= window, "{unfinished} are unfinished");
            if unfinished == window {
                return;
            }
            let (task, act) = this.in_flight.submit(MOST_RESULT, self.now);
            this.records.insert(task, this.emitted);
            this.emitted += 1;
            self.do_host(host, vec![act]);
        }
    }

    /// Does what the protocol wants to have done.
    fn do_host(&mut self, host: usize, acts: Vec<Act<u64>>) {
        for act in acts {
            let epoch = self.hosts[host].epoch;
            match act {
                Act::Publish { task, attempt } => {
                    let record = self.hosts[host].records[&task];
                    let task = ToBroker::Task { from: host, epoch, task, attempt, record };
                    self.send(Message::Broker(task));
                }
                Act::Look { task, attempt, sequence } => {
                    let id = (epoch, task, attempt);
                    let look = ToBroker::Look { from: host, task, attempt, sequence, id };
                    self.send(Message::Broker(look));
                }
                Act::Release(sequence) => self.acknowledge(sequence),
                Act::Done { task, nonce, parts, tokens, held } => {
                    if self.has_faults() && self.random.chance(self.schedule.wrong) {
                        self.refuse(host, (task, nonce), tokens, held);
                    } else {
                        self.finish(host, task, (parts.concat().into(), tokens, held));
                    }
                }
                Act::TooLarge { task } => panic!("task {task} is too large: {}", self.state()),
                Act::GiveUp { task } => panic!("task {task} is given up: {}", self.state()),
            }
        }
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.send(Message::Broker(ToBroker::Out { sequence }));
    }

    /// A result can't be believed.
    fn refuse(&mut self, host: usize, (task, nonce): (u64, u64), tokens: Vec<u64>, held: usize) {
        let in_flight = &mut self.hosts[host].in_flight;
        in_flight.released(held);
        let look = in_flight.refuse(task, nonce, self.now);
        tokens.into_iter().for_each(|sequence| self.acknowledge(sequence));
        self.do_host(host, look.into_iter().collect());
    }

    /// A result is believed, and waits for those before it.
    fn finish(&mut self, host: usize, task: u64, result: (Bytes, Vec<u64>, usize)) {
        let acts = self.hosts[host].in_flight.forget(task);
        self.do_host(host, acts);
        let this = &mut self.hosts[host];
        let record = this.records[&task];
        let known = this.waiting.insert(record, result);
        assert!(known.is_none() && record >= this.sunk, "a result came twice");
        self.sink(host);
    }

    /// Writes the results that wait for no other.
    fn sink(&mut self, host: usize) {
        loop {
            let this = &mut self.hosts[host];
            let Some((body, tokens, held)) = this.waiting.remove(&this.sunk) else { break };
            this.sunk += 1;
            this.in_flight.released(held);
            assert_eq!(body[8..16], body[16..24], "parts of two results are mixed");
            this.output.push(u64::from_le_bytes(body[..8].try_into().unwrap()));
            let output = this.output.clone();
            tokens.into_iter().for_each(|sequence| self.acknowledge(sequence));
            // A host that was taken over writes to a place of its own, as one does that has lost its lock.
            if host + 1 == self.hosts.len() && self.random.chance(30) {
                self.committed = output;
            }
        }
        self.emit(host);
    }
}
