//! Errors of a graph: it can't do what it was built to do.

/// A graph can't do what it was built to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two branches of one source meet, and each waits for the other, because one of them gives far fewer elements.
    #[error(
        "{node}: branches of one source deadlocked: raise `maxsize` here, or buffer the branch that gives more"
    )]
    Deadlock {
        /// The node.
        node: String,
    },
    /// Too many nodes stand in a row.
    #[error("more than {most} nodes in a row: each of them uses a part of the stack")]
    TooManyNodes {
        /// The most that may stand in a row.
        most: usize,
    },
    /// A source acknowledges its records, and its stream meets another source's, so that it can't be known when
    /// they have left the graph.
    #[error("{source_name}: can't acknowledge records where streams of two sources meet")]
    MixedSources {
        /// The source's name.
        source_name: String,
    },
    /// A function is scattered over a pool that did not load it.
    #[error("{function} was loaded by another pool than the one it is scattered over")]
    OtherPool {
        /// The function.
        function: String,
    },
    /// A function that accumulates is scattered.
    #[error("{function} accumulates, so it needs records one by one and in order: gather before it")]
    NeedsOrder {
        /// The function.
        function: String,
    },
    /// A node keeps something that no checkpoint can hold.
    #[error("{node} can't be in a checkpoint: {reason}")]
    Unsaved {
        /// What people call it.
        node: String,
        /// Why not, as a clause.
        reason: String,
    },
    /// A node can't begin with what a checkpoint holds of it.
    #[error("{node} can't go on from the checkpoint: {reason}")]
    NotRestored {
        /// What people call it.
        node: String,
        /// Why not, as a clause.
        reason: String,
    },
    /// A checkpoint is of another graph.
    #[error("the checkpoint is of another graph: {reason}")]
    OtherGraph {
        /// The first difference, as a clause.
        reason: String,
    },
    /// Something has changed since a checkpoint was saved: what a run of both would write belongs to neither.
    #[error("{what} has changed since the checkpoint was saved")]
    Changed {
        /// Such as a plugin's path or a node's name.
        what: String,
    },
    /// A checkpoint could not be taken in time, since a branch waits for another one.
    #[error("no checkpoint could be taken: elements are still under way after {}", humantime::format_duration(*.waited))]
    Unsettled {
        /// How long it was waited for.
        waited: std::time::Duration,
    },
}
