//! What is told of a run: data that programs read, as the dashboard's interface gives it.

#[cfg(feature = "net")]
pub(crate) mod figures;
mod history;
mod status;
mod tree;
pub mod words;

pub use history::History;
pub use status::{
    Buffer, Counts, EdgeStatus, FaultsStatus, FunctionStatus, Input, NodeStatus, PoolStatus, RunState,
    RunStatus, Status, WorkerStatus,
};
pub use tree::Branch;

pub use crate::monitor::{Bar, Lane, Line, Mood, NodePace, Pace, Snapshot, Told, Verdict};
