//! The pool, its functions, and the workers of a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// A function of a plugin.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
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
    /// The limit.
    pub timeout: u64,
    /// How many records took how long: from, to (in nanoseconds), and how many.
    pub histogram: Vec<(u64, u64, u64)>,
    /// How many records the next call may take; there may be fewer.
    pub batch: usize,
    /// The memory of the instance that was called last, in bytes.
    pub memory: usize,
    /// The most memory that an instance had.
    pub memory_most: usize,
    /// The limit.
    pub memory_limit: usize,
    /// How many instances were given up: worn out, or after a failure.
    pub retired: u64,
}

/// The pool.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Threads that run functions.
    pub threads: usize,
    /// Instances that there are, without those that sinks keep.
    pub instances: usize,
    /// The most that there were at once.
    pub instances_most: usize,
    /// The limit.
    pub instances_limit: usize,
    /// The memory that all of them have, in bytes.
    pub memory: usize,
    /// The most that it was at once, in bytes.
    pub memory_most: usize,
    /// The limit.
    pub memory_limit: usize,
}

/// A worker of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its name.
    pub name: PlainText,
    /// The name of its machine.
    pub machine: PlainText,
    /// Its process number there.
    pub process: u32,
    /// Threads that run functions.
    pub threads: usize,
    /// Tasks that it is working on, of all runs.
    pub busy: usize,
    /// Tasks that it has done.
    pub tasks: u64,
    /// Records in these tasks.
    pub records: u64,
    /// Whether it is leaving: it finishes what it has begun, and takes nothing more.
    pub leaving: bool,
    /// Why it does not work for this run, if it refused to.
    pub refused: Option<PlainText>,
}
