//! What the instances of a pool share.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::memory::TotalMemory;
use super::runtime::Runtime;

/// What instances of a pool share.
pub(crate) struct Hosting {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) total: Arc<TotalMemory>,
    /// Where guests' timers run.
    pub(crate) timers: Handle,
}
