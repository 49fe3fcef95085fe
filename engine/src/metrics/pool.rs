//! The pool, its functions, and the workers of a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::function::{Repeated, Retired};
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
    /// How many records they were given.
    pub records: u64,
    /// How many calls failed.
    pub failed_calls: u64,
    /// The time of all calls, in nanoseconds.
    pub nanos: u64,
    /// The median time of a record, in nanoseconds. Each record of a batch counts with their mean.
    pub p50: Option<u64>,
    /// The 99th percentile of these times.
    pub p99: Option<u64>,
    /// The longest time of a record, in nanoseconds.
    pub longest: u64,
    /// The limit.
    pub timeout: u64,
    /// The times of records: from, to (in nanoseconds), and how many records.
    pub histogram: Vec<(u64, u64, u64)>,
    /// The most records that the next call takes.
    pub batch: usize,
    /// The memory of the instance that was called last, in bytes.
    pub memory: usize,
    /// The most memory that an instance had.
    pub memory_most: usize,
    /// The limit.
    pub memory_limit: usize,
    /// How many instances were replaced.
    pub retired: u64,
    /// The same, by the reason.
    #[serde(default)]
    pub retired_for: Retired,
    /// How many calls were cut short and repeated, by the reason. They are no failed calls.
    #[serde(default)]
    pub repeated: Repeated,
}

/// The pool.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Threads that run functions.
    pub threads: usize,
    /// Instances at this moment, without those of sinks.
    pub instances: usize,
    /// The most instances at once.
    pub instances_most: usize,
    /// The limit.
    pub instances_limit: usize,
    /// The memory of all instances, in bytes.
    pub memory: usize,
    /// The most memory of all instances at once, in bytes.
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
    /// Its process ID there.
    pub process: u32,
    /// Threads that run functions.
    pub threads: usize,
    /// Tasks that it is working on, of all runs.
    pub busy: usize,
    /// Tasks that it has done.
    pub tasks: u64,
    /// Records in these tasks.
    pub records: u64,
    /// Whether it is leaving: it finishes its tasks and takes no more.
    pub leaving: bool,
    /// Why it does not serve this run, if it refused.
    pub refused: Option<PlainText>,
}
