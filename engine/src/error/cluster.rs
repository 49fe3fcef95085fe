//! A cluster can't do a run's work.

use crate::text::short;

/// A cluster can't do a run's work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A text can't be the name of a run.
    #[error("{name:?} can't be the name of a run: use up to 64 letters, digits, - and _")]
    RunName {
        /// The name.
        name: String,
    },
    /// Another host has started the same run.
    #[error("the run {run} was taken over by another host: this host stopped where it was")]
    TakenOver {
        /// The run.
        run: String,
    },
    /// A worker can't do its tasks.
    #[error("the worker {worker} can't continue: {}", short(reason))]
    Worker {
        /// Its name.
        worker: String,
        /// What it said.
        reason: String,
    },
    /// A task was handed out 8 times without a result.
    #[error("no worker returned a result for record {record} and those after it in 8 attempts")]
    NoResult {
        /// The first record of the task.
        record: u64,
    },
}
