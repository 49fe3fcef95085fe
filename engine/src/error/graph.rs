//! A graph can't do what it was built to do.

/// A graph can't do what it was built to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two branches of one source come together, and one of them gives so much less that the other would wait
    /// for it, and so for itself, for ever.
    #[error(
        "{node}: its branches of one source are too far apart, so that each waits for the other: let more wait here (maxsize), or put a buffer on the branch that gives more, as large as they get apart"
    )]
    Deadlock {
        /// The node.
        node: String,
    },
    /// Too many nodes follow one another.
    #[error("there are more than {most} nodes in a row: each takes a part of the stack")]
    TooManyNodes {
        /// So many may follow one another.
        most: usize,
    },
    /// It can't be known when what a source gave is out, since another source's elements come where it goes.
    #[error(
        "{source_name}: what it gives is acknowledged when it is out, which nobody knows where streams of two sources come together"
    )]
    MixedSources {
        /// What the source is called.
        source_name: String,
    },
    /// A function was scattered over a pool that did not load it.
    #[error("{function} was loaded by another pool than the one that it is scattered over")]
    OtherPool {
        /// The function.
        function: String,
    },
    /// A function that accumulates was scattered.
    #[error(
        "{function} accumulates, which goes record by record: gather before it, and use it as a stream's own"
    )]
    NeedsOrder {
        /// The function.
        function: String,
    },
}
