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
    /// The edges between them.
    pub edges: Vec<EdgeStatus>,
    /// The functions of plugins.
    pub functions: Vec<FunctionStatus>,
    /// The pool that they run on.
    pub pool: PoolStatus,
    /// The workers of the cluster that runs the functions, by their names; `None` if the pool's own threads run
    /// them.
    #[serde(default)]
    pub workers: Option<Vec<WorkerStatus>>,
    /// What went wrong.
    pub faults: FaultsStatus,
    /// The latest lines that functions printed.
    pub log: Vec<LogLine>,
}

impl Status {
    /// Threads that run the functions of segments: the pool's, or those of a cluster's workers.
    pub(crate) fn threads(&self) -> usize {
        let Some(workers) = &self.workers else { return self.pool.threads };
        let serving = workers.iter().filter(|worker| worker.refused.is_none());
        serving.map(|worker| worker.threads).fold(0, usize::saturating_add)
    }

    /// Whether a node calls this function on the pool.
    pub(crate) fn is_on_pool(&self, function: usize) -> bool {
        self.nodes.iter().any(|node| node.function == Some(function))
    }
}
