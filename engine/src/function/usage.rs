//! What a function's calls used.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

#[cfg(feature = "cluster")]
use serde::Deserialize;
use serde::Serialize;

use super::retirement::{Repeated, Retired, Retirement, Retirements};
use super::{Kind, Limits};
use crate::record::Batch;

/// What a function's calls used, against its limits.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
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
    /// The most bytes that the outputs of one record had, each with one more; for a function that gives any
    /// number, of one record of the source.
    pub output: usize,
    /// The limit for that.
    pub output_limit: usize,
    /// How many bytes it wrote for people to read.
    pub messages: usize,
    /// How many of them are shown.
    pub messages_limit: usize,
    /// It read the time of day, which it does not declare, and found the first second of 1970.
    pub frozen_clock: bool,
    /// How many calls were cut short and repeated, and why.
    pub repeated: Repeated,
    /// How many instances were given up, and why.
    pub retired: Retired,
}

/// What all instances of a pool had together, against its limits.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct PoolUsage {
    /// The most instances that there were at once, without those that sinks keep.
    pub instances: usize,
    /// The limit for that.
    pub instances_limit: usize,
    /// The most memory that all instances had at once, in bytes.
    pub memory: usize,
    /// The limit for that.
    pub memory_limit: usize,
    /// The most stack that a call may have, in bytes.
    pub stack_limit: usize,
    /// The most files and listings that functions held open at once, and what was kept for those that may open
    /// some.
    pub descriptors: usize,
    /// The limit for that: what the system lets this process open, without a part for the host.
    pub descriptors_limit: usize,
    /// The same now.
    pub descriptors_held: usize,
    /// By how many bytes functions made granted folders larger.
    pub disk: u64,
    /// Threads that are in a function's file operation which nobody waits for any more, since it did not return in
    /// time.
    pub stuck_threads: usize,
}

/// What calls of a function used elsewhere up to now, as it is sent.
#[cfg(feature = "cluster")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsageTotals {
    pub(crate) calls: u64,
    pub(crate) records: u64,
    pub(crate) nanos: u64,
    pub(crate) retired: u64,
    /// In nanoseconds.
    pub(crate) longest: u64,
    /// The most memory that an instance had, in bytes.
    pub(crate) memory: u64,
    /// The most bytes that the outputs of one record had.
    pub(crate) output: u64,
}

/// Collects what calls use.
#[derive(Default)]
pub(crate) struct UsageGauge {
    calls: AtomicU64,
    records: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
    memory: AtomicUsize,
    output: AtomicUsize,
    footprint: AtomicUsize,
    retirements: Retirements,
}

impl UsageGauge {
    /// An instance was opened, with this memory.
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

    /// An instance was given up.
    pub(crate) fn retire(&self, why: Retirement) {
        self.retirements.count(why);
    }

    /// What came of records.
    pub(crate) fn note_output(&self, kind: Kind, output: &Batch) {
        note(&self.output, output.largest(kind == Kind::FlatMap));
    }

    /// A record's outputs were more than they may be.
    pub(crate) fn note_too_much(&self, limit: usize) {
        note(&self.output, limit);
    }

    fn note_memory(&self, memory: usize) {
        note(&self.memory, memory);
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn totals(&self) -> UsageTotals {
        UsageTotals {
            calls: self.calls.load(Relaxed),
            records: self.records.load(Relaxed),
            nanos: self.nanos.load(Relaxed),
            retired: self.retirements.retired().total(),
            longest: self.longest.load(Relaxed),
            memory: self.memory.load(Relaxed) as u64,
            output: self.output.load(Relaxed) as u64,
        }
    }

    /// Adds what calls elsewhere used.
    #[cfg(feature = "cluster")]
    pub(crate) fn add(&self, more: &UsageTotals) {
        self.calls.fetch_add(more.calls, Relaxed);
        self.records.fetch_add(more.records, Relaxed);
        self.nanos.fetch_add(more.nanos, Relaxed);
        self.retirements.count_elsewhere(more.retired);
        self.longest.fetch_max(more.longest, Relaxed);
        note(&self.memory, usize::try_from(more.memory).unwrap_or(usize::MAX));
        note(&self.output, usize::try_from(more.output).unwrap_or(usize::MAX));
    }

    pub(crate) fn read(&self, limits: Limits, messages: usize) -> Usage {
        Usage {
            calls: self.calls.load(Relaxed),
            records: self.records.load(Relaxed),
            time: Duration::from_nanos(self.nanos.load(Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
            timeout: limits.timeout,
            memory: self.memory.load(Relaxed),
            memory_limit: limits.memory,
            output: self.output.load(Relaxed),
            output_limit: limits.output,
            messages,
            messages_limit: limits.messages,
            frozen_clock: false,
            repeated: self.retirements.repeated(),
            retired: self.retirements.retired(),
        }
    }
}

#[cfg(feature = "cluster")]
impl UsageTotals {
    /// What has come since `before`, which may be later: then it is nothing. What is the most remains the most.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(before.calls),
            records: self.records.saturating_sub(before.records),
            nanos: self.nanos.saturating_sub(before.nanos),
            retired: self.retired.saturating_sub(before.retired),
            ..*self
        }
    }
}

/// Keeps the largest. Looking is cheaper than writing.
fn note(most: &AtomicUsize, now: usize) {
    if most.load(Relaxed) < now {
        most.fetch_max(now, Relaxed);
    }
}
