//! How fast a run is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How fast a run is: over about two seconds, or over the whole run without pauses if it has ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Rates {
    /// The time that they are measured over, in milliseconds.
    pub over: u64,
    /// Records per second that sources emit.
    pub emitted: f64,
    /// Records per second that sinks accept.
    pub delivered: f64,
    /// How long the rest of the input takes at this rate, in milliseconds, if its size is known.
    pub left: Option<u64>,
    /// The rates of each node.
    pub nodes: Vec<NodeRates>,
    /// Records per second on each edge.
    pub edges: Vec<f64>,
    /// The part of the time that is spent in each function, from 0 to 1: of the time of all
    /// threads of the pool and the cluster, or of one thread if it is called outside the pool.
    pub functions: Vec<f64>,
    /// Records per call of each function, averaged over its latest calls.
    pub records_a_call: Vec<f64>,
}

/// How fast a node is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NodeRates {
    /// Records per second that come to it.
    pub records: f64,
    /// The part of the time that it is busy itself, from 0 to 1; of a function on the pool, of
    /// the time of all threads of the pool and the cluster.
    pub busy: f64,
    /// The part of the time that others wait for room in it, from 0 to 1.
    pub waited: f64,
}
