//! A run at one moment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::monitor::{Line, Told};
use crate::text::PlainText;

/// A run at one moment: what is there, how much went through it, and what is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The run as a whole.
    pub run: RunStatus,
    /// The nodes of the graph, in the order in which they were built.
    pub nodes: Vec<NodeStatus>,
    /// Who gives to whom.
    pub edges: Vec<EdgeStatus>,
    /// The functions of plugins.
    pub functions: Vec<FunctionStatus>,
    /// The pool that they run on.
    pub pool: PoolStatus,
    /// The workers of a cluster, by their names.
    #[serde(default)]
    pub workers: Vec<WorkerStatus>,
    /// What went wrong.
    pub faults: FaultsStatus,
    /// The latest lines that functions printed.
    pub log: Vec<Line>,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// Its sources are held.
    Paused,
    /// It finishes what was taken in.
    Draining,
    /// It has ended, and all is done.
    Done,
    /// It has ended before its input did; what was taken in is done.
    Drained,
    /// It was ended at once; what was taken in is not done.
    Stopped,
    /// It has ended with an error.
    Failed,
}

impl RunState {
    /// Whether it has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Drained | Self::Stopped | Self::Failed)
    }
}

/// A run as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunStatus {
    /// Whether it goes on.
    pub state: RunState,
    /// What ended it, if it failed.
    pub error: Option<PlainText>,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// Milliseconds since then.
    pub now: u64,
    /// Milliseconds of these in which its sources were held.
    pub paused: u64,
    /// How many records went where.
    #[serde(flatten)]
    pub counts: Counts,
    /// How much of the input was read, if its size is known.
    pub input: Option<Input>,
}

/// How much was read of an input whose size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// In bytes.
    pub read: u64,
    /// What of it is done, in bytes: as much as of the records that were emitted.
    pub done: u64,
    /// In bytes.
    pub all: u64,
}

/// A node of the graph.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// Its name.
    pub name: PlainText,
    /// What it is.
    pub kind: PlainText,
    /// The middle of it in a picture in which nodes are 152 wide and 66 high.
    pub at: (f64, f64),
    /// How many records came.
    pub records: u64,
    /// How long it was busy itself, in nanoseconds; of a node that hands records over, how long others waited for
    /// room there.
    pub nanos: u64,
    /// Whether it hands records over to another task.
    pub hands_over: bool,
    /// Whether streams meet in it: its time is that for which one waited for another.
    pub meets: bool,
    /// How much is in it, if it has a bound.
    pub buffer: Option<Buffer>,
    /// The function that it calls on the pool, by its place.
    pub function: Option<usize>,
}

/// How full something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Buffer {
    /// Records that are there.
    pub filled: u64,
    /// How many may be.
    pub limit: u64,
}

/// An edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeStatus {
    /// The place of the node that gives.
    pub from: usize,
    /// The place of the one that takes.
    pub to: usize,
    /// How many records went this way.
    pub records: u64,
}

/// How many records went where, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Emitted by the source.
    pub emitted: u64,
    /// In scattered segments, neither delivered nor dropped yet.
    pub unfinished: u64,
    /// Taken by sinks.
    pub delivered: u64,
    /// Records that became faults.
    pub faults: u64,
}

impl Counts {
    /// These and others together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            emitted: self.emitted + other.emitted,
            unfinished: self.unfinished + other.unfinished,
            delivered: self.delivered + other.delivered,
            faults: self.faults + other.faults,
        }
    }
}

/// A function of a plugin.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FunctionStatus {
    /// Its name.
    pub name: PlainText,
    /// Its plugin's file.
    pub plugin: PlainText,
    /// How many calls were made.
    pub calls: u64,
    /// How many records they took.
    pub records: u64,
    /// How many of them failed: calls, not records.
    pub failed_calls: u64,
    /// The time that calls took together, in nanoseconds.
    pub nanos: u64,
    /// The time that half of all records took at most, in nanoseconds; a batch counts as its mean.
    pub p50: Option<u64>,
    /// The same of 99 in 100.
    pub p99: Option<u64>,
    /// The longest time of a record, in nanoseconds.
    pub longest: u64,
    /// The limit for that.
    pub timeout: u64,
    /// How many records took how long: from, to (in nanoseconds), and how many.
    pub histogram: Vec<(u64, u64, u64)>,
    /// How many records the next call may take; there may be fewer.
    pub batch: usize,
    /// The memory of the instance that was called last, in bytes.
    pub memory: usize,
    /// The most memory that an instance had.
    pub memory_most: usize,
    /// The limit for that.
    pub memory_limit: usize,
    /// How many instances were given up: worn out, or after a failure.
    pub retired: u64,
}

/// The pool.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PoolStatus {
    /// Threads that run functions.
    pub workers: usize,
    /// Instances that there are, without those that sinks keep.
    pub instances: usize,
    /// The most that there were at once.
    pub instances_most: usize,
    /// The limit for that.
    pub instances_limit: usize,
    /// The memory that all of them have, in bytes.
    pub memory: usize,
    /// The most that it was at once, in bytes.
    pub memory_most: usize,
    /// The limit for that.
    pub memory_limit: usize,
}

/// A worker of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStatus {
    /// Its name.
    pub name: PlainText,
    /// The name of its machine.
    pub machine: PlainText,
    /// Its process there.
    pub process: u32,
    /// Threads that run functions.
    pub threads: usize,
    /// How many tasks it is at, of all runs.
    pub busy: usize,
    /// How many it has done.
    pub tasks: u64,
    /// How many records were in these.
    pub records: u64,
    /// It finishes what it has begun, and takes nothing more.
    pub leaving: bool,
    /// Why it does not serve this run, if it does not.
    pub refused: Option<PlainText>,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FaultsStatus {
    /// How many of each kind.
    pub kinds: BTreeMap<PlainText, u64>,
    /// The latest, the last one first.
    pub latest: Vec<Told>,
    /// Files in which records are put aside.
    pub put_aside: Vec<PlainText>,
}

impl Status {
    /// Threads that run the functions of segments: the pool's, or those of a cluster's workers.
    pub(crate) fn threads(&self) -> usize {
        let serves = |worker: &&WorkerStatus| worker.refused.is_none();
        let elsewhere = self.workers.iter().filter(serves).map(|worker| worker.threads);
        let elsewhere = elsewhere.fold(0, usize::saturating_add);
        if self.workers.is_empty() { self.pool.workers } else { elsewhere }
    }

    /// Whether a node calls this function on the pool.
    pub(crate) fn is_on_pool(&self, function: usize) -> bool {
        self.nodes.iter().any(|node| node.function == Some(function))
    }
}
