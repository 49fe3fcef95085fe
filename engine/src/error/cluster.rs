//! A cluster can't do a run's work.

use crate::text::short;

/// A cluster can't do a run's work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A name can't be that of a run.
    #[error("{name:?} is no name for a run: letters, digits, - and _, up to 64 of them")]
    RunName {
        /// The name.
        name: String,
    },
    /// Another host has begun the same run.
    #[error("the run {run} was taken over by another host: this one has ended where it was")]
    TakenOver {
        /// The run.
        run: String,
    },
    /// A worker of the cluster can't do what it is to do.
    #[error("the worker {worker} can't go on: {}", short(reason))]
    Worker {
        /// Its name.
        worker: String,
        /// What it says.
        reason: String,
    },
    /// A task was handed out again and again, and no result came.
    #[error(
        "no worker gives a result for record {record} and those behind it, which were handed out 8 times"
    )]
    NoResult {
        /// The first record of the task.
        record: u64,
    },
}
