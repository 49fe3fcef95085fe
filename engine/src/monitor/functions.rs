//! What is known of a function's calls beside their number: how long records take, and how instances fare.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use histogram::AtomicHistogram;

use super::{FunctionFigures, Watch};
use crate::metrics::FunctionStatus;

/// Each power of two of nanoseconds is cut in so many buckets, as a power of two itself: an error of 12.5 %.
const GROUPING: u8 = 3;
/// The longest time that is told from longer ones, as a power of two of nanoseconds: some 18 minutes.
const LONGEST: u8 = 40;

/// Gathers figures of a function that somebody watches.
pub(crate) struct FunctionGauge {
    watch: Weak<Watch>,
    /// Its place among the functions.
    pub(super) place: usize,
    pub(super) function: Weak<dyn FunctionFigures>,
    pub(super) times: AtomicHistogram,
    /// Of the instance that was called last, in bytes.
    pub(super) memory: AtomicUsize,
    pub(super) faults: AtomicU64,
    /// What was told of it last: it may be gone.
    last: Mutex<FunctionStatus>,
}

impl FunctionGauge {
    pub(crate) fn new(watch: &Arc<Watch>, function: Weak<dyn FunctionFigures>) -> Arc<Self> {
        let times = AtomicHistogram::new(GROUPING, LONGEST).expect("these powers are in order");
        let mut functions = super::watch::lock(&watch.functions);
        let place = functions.len();
        let (watch, memory, faults, last) = (Arc::downgrade(watch), 0.into(), 0.into(), Mutex::default());
        let gauge = Arc::new(Self { watch, place, function, times, memory, faults, last });
        functions.push(gauge.clone());
        gauge
    }

    /// What `read` tells of it, or the last that was told if it is gone.
    pub(super) fn status(&self, read: impl FnOnce(&Self) -> Option<FunctionStatus>) -> FunctionStatus {
        let mut last = super::watch::lock(&self.last);
        if let Some(status) = read(self) {
            *last = status;
        }
        last.clone()
    }

    /// A call of so many records has ended.
    pub(crate) fn called(&self, records: usize, time: Duration, memory: usize, failed: bool) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) / records.max(1) as u64;
        let _ = self.times.add(nanos.min((1 << LONGEST) - 1), records as u64);
        self.memory.store(memory, Relaxed);
        self.faults.fetch_add(u64::from(failed), Relaxed);
        if let Some(watch) = self.watch.upgrade() {
            watch.calls.push(self.place, records, time, failed);
        }
    }
}
