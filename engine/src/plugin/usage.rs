//! What a function's calls used.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::Limits;

/// What a function's calls used, against its limits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// How many calls were made.
    pub calls: u64,
    /// How many records they took.
    pub records: u64,
    /// The time that they took together.
    pub time: Duration,
    /// The longest time that one record took; a batch counts as its mean.
    pub longest: Duration,
    /// The limit for that.
    pub timeout: Duration,
    /// The most memory that an instance had, in bytes.
    pub memory: usize,
    /// The limit for that.
    pub memory_limit: usize,
}

/// Collects what calls use.
#[derive(Default)]
pub(crate) struct UsageGauge {
    calls: AtomicU64,
    records: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
    memory: AtomicUsize,
    footprint: AtomicUsize,
}

impl UsageGauge {
    /// An instance was opened, and has so much memory.
    pub(crate) fn open(&self, memory: usize) {
        if self.footprint() == 0 {
            let _ = self.footprint.compare_exchange(0, memory, Relaxed, Relaxed);
        }
        self.note_memory(memory);
    }

    /// The memory that an instance has when it is opened, in bytes; 0 until the first one was.
    pub(crate) fn footprint(&self) -> usize {
        self.footprint.load(Relaxed)
    }

    pub(crate) fn record(&self, records: usize, time: Duration, memory: usize) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Relaxed);
        self.records.fetch_add(records as u64, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        let each = nanos / records.max(1) as u64;
        // Looking is cheaper than writing.
        if self.longest.load(Relaxed) < each {
            self.longest.fetch_max(each, Relaxed);
        }
        self.note_memory(memory);
    }

    fn note_memory(&self, memory: usize) {
        if self.memory.load(Relaxed) < memory {
            self.memory.fetch_max(memory, Relaxed);
        }
    }

    pub(crate) fn read(&self, limits: Limits) -> Usage {
        Usage {
            calls: self.calls.load(Relaxed),
            records: self.records.load(Relaxed),
            time: Duration::from_nanos(self.nanos.load(Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
            timeout: limits.timeout,
            memory: self.memory.load(Relaxed),
            memory_limit: limits.memory,
        }
    }
}
