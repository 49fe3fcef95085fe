//! This machine does not give what a run needs.

use std::io;
use std::sync::Arc;

/// This machine does not give what a run needs.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The system has no more threads.
    #[error("can't start another thread: {limit}")]
    Thread {
        /// How many there may be, and what allows more.
        limit: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The sandbox can't be set up on this machine.
    #[error("can't set up the sandbox: {reason}")]
    Sandbox {
        /// What wasmtime or the system says.
        reason: String,
    },
    /// A worker panicked, which is a bug of the engine or of what is told the functions' messages.
    #[error("a worker of the pool panicked: this is a bug")]
    Panicked,
}
