//! What travels in the simulation, and what happens there.

use std::time::Duration;

use crate::cluster::protocol::wire::ResultPart;

/// A worker, by its index, and which of its lives.
pub(super) type Life = (usize, u64);

/// A message on its way, to the broker, a host or a worker.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Broker(ToBroker),
    Host(usize, ToHost),
    Worker(Life, ToWorker),
}

/// What hosts and workers say to the broker.
#[derive(Clone, Debug)]
pub(super) enum ToBroker {
    /// A host publishes a task.
    Task { from: usize, epoch: u64, task: u64, attempt: u32, record: u64 },
    /// A host asks for a task.
    Look { from: usize, task: u64, attempt: u32, sequence: u64, id: (u64, u64, u32) },
    /// A worker extends its lease.
    Progress { sequence: u64, lease: u64 },
    /// A worker acknowledges a task.
    Taken { sequence: u64 },
    /// A worker publishes a part of a result.
    Result { from: Life, key: u64, part: ResultPart },
    /// A host acknowledges a part of a result.
    Out { sequence: u64 },
}

/// What the broker says to a host.
#[derive(Clone, Debug)]
pub(super) enum ToHost {
    /// It has a task at a sequence number, or does not take it.
    Published { task: u64, attempt: u32, sequence: Option<u64> },
    /// Whether it still has a task.
    Looked { task: u64, attempt: u32, found: bool },
    /// A part of a result.
    Given { sequence: u64, part: ResultPart },
}

/// What the broker says to a worker.
#[derive(Clone, Copy, Debug)]
pub(super) enum ToWorker {
    /// A task.
    Deliver { sequence: u64, lease: u64, deliveries: u64, epoch: u64, task: u64, record: u64 },
    /// Whether it took a part of a result.
    Kept { key: u64, part: u32, kept: bool },
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Arrives(Message),
    /// The broker gives out what it has.
    Serve,
    HostTick(usize),
    WorkerTick(Life),
    /// A worker is done with a task, if it lives.
    Worked {
        worker: Life,
        key: u64,
        parts: Vec<ResultPart>,
        dies: bool,
    },
    /// A worker hears of the latest epoch.
    Hears {
        worker: Life,
        epoch: u64,
    },
    /// A host hears that another one has taken over.
    Fenced(usize),
    WorkerStarts(usize),
    Incident,
    HostStarts,
    BrokerIsBack,
    Awake(usize),
}

/// A worker that says nothing about a task for this time has lost it.
pub(super) const ACK_WAIT: Duration = Duration::from_millis(500);

/// How often the protocol looks at the time.
pub(super) const TICK: Duration = Duration::from_millis(100);
