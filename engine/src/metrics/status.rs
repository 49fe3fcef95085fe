//! A run at one moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    EdgeStatus, FaultsStatus, FunctionStatus, LogLine, NodeStatus, PoolStatus, RunStatus, WorkerStatus,
};

/// A run at one moment: its parts, how much went through them, and what went wrong. All counts are since the start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// The run as a whole.
    pub run: RunStatus,
    /// The nodes of the graph, in the order in which they were built.
    pub nodes: Vec<NodeStatus>,
    /// Which node gives to which.
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
    pub log: Vec<LogLine>,
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
