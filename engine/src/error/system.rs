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
        /// How many there may be, and what raises the limit.
        limit: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The sandbox can't be set up.
    #[error("can't set up the sandbox: {reason}")]
    Sandbox {
        /// What wasmtime or the system says.
        reason: String,
    },
    /// A thread of the pool panicked: a bug in engine, or in the program's closure that is given functions' messages.
    #[error("a thread of the pool panicked: this is a bug in engine")]
    Panicked,
}
