//! Checkpoints of graphs: taken while the graph runs, and what a run goes on from.

mod cut;
mod feed;
mod graph;
mod resume;
mod run;

pub use cut::Cut;
pub use feed::ResumableFeed;
pub use graph::CheckpointedGraph;
pub use run::{ResumableRun, RunEnd};
