//! The settings of a run on a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::deadlines::BROKER_AWAY;
use crate::text;

/// Notices have no more characters.
const LINE: usize = 2000;

/// Machines that a pool's segments run on: workers that any number of processes are, behind a NATS server.
///
/// Given to [`PoolBuilder::cluster`](crate::pool::PoolBuilder::cluster). What is scattered over the pool then goes to
/// [workers](crate::cluster::Worker), and comes back in the order of emission. Functions that accumulate, and sinks,
/// still run in this process.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) broker: Broker,
    pub(super) run: Option<String>,
    pub(super) durability: Durability,
    pub(super) ack_wait: Duration,
    pub(super) timeout: Duration,
    pub(super) on_notice: OnNotice,
}

/// How the broker keeps what it has of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Durability {
    /// In memory alone: faster, and gone with the broker. The host then hands out again what is lost.
    pub(super) memory: bool,
    /// The number of the broker's servers that keep it: 1, 3 or 5.
    pub(super) replicas: usize,
}

impl Default for Durability {
    fn default() -> Self {
        Self { memory: false, replicas: 1 }
    }
}

/// Something that a run on a cluster reports. Its `Display` form is one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterNotice {
    /// The run waits because no worker is connected.
    NoWorker,
    /// Any other line.
    Line(String),
}

impl ClusterNotice {
    /// A line that may hold text of others.
    pub(super) fn line(line: &str) -> Self {
        Self::Line(text::plain(line, LINE).into_owned())
    }
}

impl fmt::Display for ClusterNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker => f.write_str("waiting for a worker: none is connected"),
            Self::Line(line) => f.write_str(line),
        }
    }
}

/// Receives notices for people.
#[derive(Clone)]
pub(super) struct OnNotice(Arc<dyn Fn(&ClusterNotice) + Send + Sync>);

impl OnNotice {
    pub(super) fn report(&self, notice: &ClusterNotice) {
        (self.0)(notice);
    }

    pub(super) fn tell(&self, line: &str) {
        self.report(&ClusterNotice::line(line));
    }
}

impl fmt::Debug for OnNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnNotice")
    }
}

impl Cluster {
    /// The workers that are connected to a broker.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        let (ack_wait, timeout) = (Duration::from_secs(5), BROKER_AWAY.time);
        let on_notice = OnNotice(Arc::new(|_| {}));
        Self { broker, run: None, durability: Durability::default(), ack_wait, timeout, on_notice }
    }

    /// What the run is called; a name that no other has, if not said. A host that begins a run of the same name as
    /// another one takes it over: the other one ends with an error. Of letters, digits, `-` and `_`.
    #[must_use]
    pub fn run(mut self, name: impl Into<String>) -> Self {
        self.run = Some(name.into());
        self
    }

    /// Tasks and results are kept in the broker's memory alone, not in its files. They are gone with it then, and
    /// the host hands out again what is lost.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.durability.memory = true;
        self
    }

    /// On how many of the broker's servers tasks and results are kept; 1, if not said.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.durability.replicas = replicas.max(1);
        self
    }

    /// Sets after which time a worker that is silent about a task has lost it: another worker gets it next. The
    /// default is 5 s; workers that live say so three times as often.
    #[must_use]
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// Sets after which time a broker that can't be reached ends the run. The default is 60 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the closure that gets the run's notices: what it waits for, and why. By default they are dropped.
    #[must_use]
    pub fn on_notice(mut self, on_notice: impl Fn(&ClusterNotice) + Send + Sync + 'static) -> Self {
        self.on_notice = OnNotice(Arc::new(on_notice));
        self
    }
}
