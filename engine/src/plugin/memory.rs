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

    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let reserved = self.used.fetch_update(Relaxed, Relaxed, add);
        if let Ok(before) = reserved {
            self.most.fetch_max(before + bytes, Relaxed);
        }
        reserved.is_ok()
    }

    pub(super) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
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
    /// What was granted last, should growing by that fail after all.
    growing: usize,
    /// It asked for more than one instance may have.
    pub(crate) denied: bool,
    /// It asked for more than all instances together may have.
    pub(crate) starved: bool,
}

impl Gauge {
    pub(crate) fn new(limit: usize, total: Arc<TotalMemory>) -> Self {
        Self { total, limit, used: 0, growing: 0, denied: false, starved: false }
    }

    /// A call begins: what was refused before is not its fault.
    pub(super) fn forget_refusals(&mut self) {
        (self.denied, self.starved) = (false, false);
    }

    /// Whether something may grow by this number of bytes, up to what it declared itself.
    fn grow(&mut self, bytes: usize, declared: bool) -> bool {
        let grows = declared && self.grant(bytes);
        self.growing = if grows { bytes } else { 0 };
        grows
    }

    /// Whether this number of bytes more is granted.
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

    /// Takes back what was granted last.
    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.growing);
        self.used -= bytes;
        self.total.used.fetch_sub(bytes, Relaxed);
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
        self.total.release(self.used);
    }
}

/// Growth beyond what a memory or table declares is refused here, for wasmtime would grant it first and fail
/// then. So growth that was granted fails only where the system has no memory left.
impl ResourceLimiter for Gauge {
    fn memory_growing(&mut self, now: usize, wanted: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(wanted.saturating_sub(now), most.is_none_or(|most| wanted <= most)))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }

    fn table_growing(&mut self, now: usize, wanted: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = wanted.saturating_sub(now).saturating_mul(TABLE_ENTRY);
        Ok(self.grow(bytes, most.is_none_or(|most| wanted <= most)))
    }

    // A table that fails to grow gives nothing back: wasmtime also reports sizes that overflow, which were never
    // granted.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_growth_does_not_count() {
        let total = TotalMemory::new(1000);
        let mut gauge = Gauge::new(400, total.clone());
        assert!(gauge.memory_growing(0, 100, Some(200)).is_ok_and(|grows| grows));
        // By its own declaration, which is no refusal of ours.
        assert!(gauge.memory_growing(100, 300, Some(200)).is_ok_and(|grows| !grows));
        assert!(!gauge.denied);
        // The system has no memory left.
        assert!(gauge.memory_growing(100, 150, Some(200)).is_ok_and(|grows| grows));
        gauge.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        gauge.memory_grow_failed(wasmtime::Error::msg("said twice")).unwrap();
        assert_eq!((gauge.used(), total.used()), (100, 100));
        assert!(gauge.table_growing(0, 10, None).is_ok_and(|grows| grows));
        gauge.table_grow_failed(wasmtime::Error::msg("a number that overflows")).unwrap();
        assert_eq!((gauge.used(), total.used()), (260, 260));
        assert!(gauge.memory_growing(0, 200, None).is_ok_and(|grows| !grows));
        assert!(gauge.denied);
        drop(gauge);
        assert_eq!(total.used(), 0);
    }
}
