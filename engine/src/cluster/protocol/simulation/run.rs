//! One simulated run: what happens, in the order of simulated time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broker::Broker;
use super::hosts::Host;
use super::messages::{Event, Life, Message, ToWorker};
use super::schedule::{FaultSchedule, Random};
use super::workers::Worker;

/// Faults happen within this time, and then no more.
const FAULTS: Duration = Duration::from_secs(30);

/// Whatever happens, all is done within this time.
const END: Duration = Duration::from_secs(600);

/// A broker, hosts and workers, and all that happens to them.
pub(super) struct Simulation {
    pub(super) random: Random,
    pub(super) schedule: FaultSchedule,
    pub(super) now: Duration,
    /// Orders what happens at the same time.
    pub(super) tie: u64,
    events: BTreeMap<(Duration, u64), Event>,
    pub(super) broker: Broker,
    pub(super) hosts: Vec<Host>,
    pub(super) workers: Vec<Worker>,
    /// What the last host that lived had committed: the next one goes on from there.
    pub(super) committed: Vec<u64>,
    pub(super) incidents: u64,
    pub(super) deaths_by_poison: u64,
    /// How often any task was run.
    pub(super) tasks_run: u64,
}

impl Simulation {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let schedule = FaultSchedule::of(&mut random);
        Self {
            random,
            schedule,
            now: Duration::ZERO,
            tie: 0,
            events: BTreeMap::new(),
            broker: Broker::default(),
            hosts: Vec::new(),
            workers: Vec::new(),
            committed: Vec::new(),
            incidents: 0,
            deaths_by_poison: 0,
            tasks_run: 0,
        }
    }

    /// Lets something happen later.
    pub(super) fn at(&mut self, after: Duration, event: Event) {
        self.tie += 1;
        self.events.insert((self.now + after, self.tie), event);
    }

    /// A random time, in microseconds at most.
    pub(super) fn within(&mut self, micros: u64) -> Duration {
        Duration::from_micros(1 + self.random.below(micros))
    }

    /// Whether faults may still happen.
    pub(super) fn has_faults(&self) -> bool {
        self.now < FAULTS
    }

    /// Sends a message, which may be lost, late or repeated.
    #[expect(clippy::needless_pass_by_value, reason = "a message is sent once")]
    pub(super) fn send(&mut self, message: Message) {
        let faulty = self.has_faults();
        if faulty && self.random.chance(self.schedule.lost) {
            return;
        }
        let copies = if faulty && self.random.chance(self.schedule.repeated) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.within(if faulty { self.schedule.slow } else { 1000 });
            self.at(delay, Event::Arrives(message.clone()));
        }
    }

    /// Runs until all records are out.
    pub(super) fn run(mut self) -> Self {
        self.at(Duration::ZERO, Event::HostStarts);
        for worker in 0..self.schedule.workers {
            self.workers.push(Worker::new());
            let delay = self.within(100_000);
            self.at(delay, Event::WorkerStarts(worker));
        }
        for _ in 0..self.schedule.incidents {
            let delay = self.within(4_000_000);
            self.at(delay, Event::Incident);
        }
        while !self.is_done() {
            let Some(((now, _), event)) = self.events.pop_first() else { panic!("nothing happens any more") };
            assert!(now < END, "it does not end: {}", self.state());
            self.now = now;
            self.happens(event);
        }
        self
    }

    /// What a failure says.
    pub(super) fn state(&self) -> String {
        let host = self.hosts.last().unwrap();
        let (schedule, in_flight, broker) = (&self.schedule, &host.in_flight, &self.broker);
        let (out, records) = (host.output.len(), schedule.records);
        format!("{schedule:?}; out {out} of {records}, {in_flight:?}, broker {broker:?}")
    }

    fn is_done(&self) -> bool {
        let done = |host: &Host| host.alive && host.output.len() as u64 == self.schedule.records;
        self.hosts.last().is_some_and(done)
    }

    pub(super) fn happens(&mut self, event: Event) {
        if let Some(worker) = self.sleeper(&event) {
            self.workers[worker].missed.push(event);
            return;
        }
        match event {
            Event::Arrives(message) => self.arrives(message),
            Event::Serve => self.serve(),
            Event::HostTick(host) => self.host_tick(host),
            Event::WorkerTick(worker) if self.lives(worker) => self.worker_tick(worker),
            Event::Worked { worker, key, parts, dies } if self.lives(worker) => {
                self.worked(worker.0, key, parts, dies);
            }
            Event::Hears { worker, epoch } if self.lives(worker) => self.worker_hears(worker.0, epoch),
            Event::Fenced(host) => self.hosts[host].alive = false,
            Event::WorkerStarts(worker) => self.start_worker(worker),
            Event::Incident => self.incident(),
            Event::HostStarts => self.start_host(),
            Event::BrokerIsBack => {
                self.broker.down = false;
                self.at(Duration::ZERO, Event::Serve);
            }
            Event::Awake(worker) => self.wake_worker(worker),
            Event::WorkerTick(_) | Event::Worked { .. } | Event::Hears { .. } => {}
        }
    }

    /// The worker that sleeps through an event.
    fn sleeper(&self, event: &Event) -> Option<usize> {
        let worker: Life = match event {
            Event::WorkerTick(worker) | Event::Worked { worker, .. } | Event::Hears { worker, .. } => *worker,
            Event::Arrives(Message::Worker(to, ToWorker::Deliver { .. } | ToWorker::Kept { .. })) => *to,
            _ => return None,
        };
        (self.lives(worker) && self.workers[worker.0].asleep).then_some(worker.0)
    }

    fn arrives(&mut self, message: Message) {
        match message {
            Message::Broker(message) => self.broker_receives(message),
            Message::Host(host, message) => self.host_receives(host, message),
            Message::Worker(worker, message) => self.worker_receives(worker, message),
        }
    }

    /// A process dies or sleeps, or the broker forgets or is away.
    fn incident(&mut self) {
        self.incidents += 1;
        let worker = self.random.below(self.schedule.workers as u64) as usize;
        match self.random.below(8) {
            0 | 1 if self.workers[worker].alive => self.kill_worker(worker),
            2 if self.workers[worker].alive => {
                self.workers[worker].asleep = true;
                let delay = self.within(3_000_000);
                self.at(delay, Event::Awake(worker));
            }
            3 => {
                // The host dies, and another one goes on from what was committed.
                if let Some(host) = self.hosts.last_mut() {
                    host.alive = false;
                }
                let delay = self.within(500_000);
                self.at(delay, Event::HostStarts);
            }
            // A second host begins while the first one goes on, and does not know.
            4 => self.at(Duration::ZERO, Event::HostStarts),
            5 => {
                let restarts_numbers = self.random.chance(50);
                self.broker.wipe(restarts_numbers);
            }
            6 => self.broker.forget_ids(),
            _ => {
                self.broker.down = true;
                let delay = self.within(2_000_000);
                self.at(delay, Event::BrokerIsBack);
            }
        }
    }
}
