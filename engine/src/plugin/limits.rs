//! What one record and one instance may use.

use std::time::Duration;

/// The limits that a pool puts on each function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one record, and for opening an instance.
    pub(crate) timeout: Duration,
    /// For the linear memory of one instance, in bytes.
    pub(crate) memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), memory: 64 << 20 }
    }
}
