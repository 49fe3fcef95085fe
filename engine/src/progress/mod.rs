//! How far a graph is: what its nodes tell its source, what has left it, what its nodes keep, and which tasks wait for
//! which.

mod checkpoint;
mod context;
mod detached;
mod frontier;
mod graph_checkpoint;
mod handle;
mod holdings;
mod resume_point;
mod saved_types;
mod saving;
mod snapshots;
mod wait_graph;

use std::pin::Pin;

pub(crate) use checkpoint::with_checksum;
pub use checkpoint::{Checkpoint, InputState, OutputState};
pub(crate) use context::GraphContext;
pub(crate) use detached::Detached;
pub use frontier::Done;
pub use graph_checkpoint::{GraphCheckpoint, Position, SavedNode, SavedSource};
pub use handle::{Progress, WeakProgress};
pub(crate) use holdings::{Holding, HoldingNode, Holdings, KeptNode, SaveError};
pub(crate) use resume_point::{Mark, ResumePoint};
pub(crate) use saved_types::SavedTypes;
pub use saving::{Keeps, Restorer, Save, Saver};
pub use snapshots::Snapshot;
pub(crate) use snapshots::Snapshots;
pub(crate) use wait_graph::{Activity, Inside, WaitGraph};

/// A future of any kind.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
