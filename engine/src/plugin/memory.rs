//! How much memory guests may have: each alone, and all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

/// The most table entries that one table of a guest may have; each takes 8 to 16 bytes of the host.
const TABLE_ENTRIES: usize = 100_000;

/// What all guests of a pool have together, in bytes of linear memory.
pub(crate) struct TotalMemory {
    used: AtomicUsize,
    limit: usize,
}

impl TotalMemory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: 0.into(), limit })
    }

    /// Whether `bytes` more would fit.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.used.load(Relaxed).saturating_add(bytes) <= self.limit
    }

    fn reserve(&self, bytes: usize) -> bool {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, add).is_ok()
    }
}

/// What one instance has, and why it was refused more.
pub(crate) struct Gauge {
    total: Arc<TotalMemory>,
    limit: usize,
    used: usize,
    /// It asked for more than one instance may have.
    pub(crate) denied: bool,
    /// It asked for more than all instances together may have.
    pub(crate) starved: bool,
}

impl Gauge {
    pub(crate) fn new(limit: usize, total: Arc<TotalMemory>) -> Self {
        Self { total, limit, used: 0, denied: false, starved: false }
    }

    /// What all instances together may have.
    pub(crate) fn total_limit(&self) -> usize {
        self.total.limit
    }

    /// In bytes of linear memory.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.total.used.fetch_sub(self.used, Relaxed);
    }
}

impl ResourceLimiter for Gauge {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if self.used.saturating_add(more) > self.limit {
            self.denied = true;
            return Ok(false);
        }
        if !self.total.reserve(more) {
            self.starved = true;
            return Ok(false);
        }
        self.used += more;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= TABLE_ENTRIES;
        self.denied |= !granted;
        Ok(granted)
    }
}
