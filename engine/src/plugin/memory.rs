//! How much memory guests may have: each alone, and all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

/// What a table's entry takes of the host, in bytes. It counts as memory.
const TABLE_ENTRY: usize = 16;

/// The most core instances, tables and memories that a component may have; small ones have under ten.
pub(super) const CORE_ITEMS: usize = 200;

/// What all guests of a pool have together, in bytes of linear memory.
pub(crate) struct TotalMemory {
    used: AtomicUsize,
    most: AtomicUsize,
    limit: usize,
}

impl TotalMemory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: 0.into(), most: 0.into(), limit })
    }

    /// Whether `bytes` more would fit.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.used.load(Relaxed).saturating_add(bytes) <= self.limit
    }

    fn reserve(&self, bytes: usize) -> bool {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let reserved = self.used.fetch_update(Relaxed, Relaxed, add);
        if let Ok(before) = reserved {
            self.most.fetch_max(before + bytes, Relaxed);
        }
        reserved.is_ok()
    }

    /// What there is.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// The most that there was at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
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

    /// A call begins: what was refused before is not its fault.
    pub(super) fn forget_refusals(&mut self) {
        (self.denied, self.starved) = (false, false);
    }

    /// Whether so many bytes more are granted.
    fn grant(&mut self, bytes: usize) -> bool {
        if self.used.saturating_add(bytes) > self.limit {
            self.denied = true;
            return false;
        }
        if !self.total.reserve(bytes) {
            self.starved = true;
            return false;
        }
        self.used += bytes;
        true
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
        Ok(self.grant(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grant(desired.saturating_sub(current).saturating_mul(TABLE_ENTRY)))
    }

    fn instances(&self) -> usize {
        CORE_ITEMS
    }

    fn tables(&self) -> usize {
        CORE_ITEMS
    }

    fn memories(&self) -> usize {
        CORE_ITEMS
    }
}
