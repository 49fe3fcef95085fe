//! What is counted of a function's calls besides their number: times, memory and failures.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use histogram::AtomicHistogram;

use super::{FunctionFigures, Watch};
use crate::metrics::FunctionStatus;

/// Each power of two of nanoseconds has 2 to this power buckets: an error of 12.5 %.
const GROUPING: u8 = 3;
/// The longest time that the histogram can hold, as a power of two of nanoseconds: about 18 minutes.
const LONGEST: u8 = 40;

/// Counts the calls of a watched function.
pub(crate) struct FunctionGauge {
    watch: Weak<Watch>,
    /// Its place among the functions.
    pub(super) place: usize,
    pub(super) function: Weak<dyn FunctionFigures>,
    pub(super) times: AtomicHistogram,
    /// Memory of the instance that was called last, in bytes.
    pub(super) memory: AtomicUsize,
    pub(super) faults: AtomicU64,
    /// The last status, for when the function is dropped.
    last: Mutex<FunctionStatus>,
}

impl FunctionGauge {
    pub(crate) fn new(watch: &Arc<Watch>, function: Weak<dyn FunctionFigures>) -> Arc<Self> {
        let times = AtomicHistogram::new(GROUPING, LONGEST).expect("these powers are in order");
        let mut functions = super::lock(&watch.functions);
        let place = functions.len();
        let (watch, memory, faults, last) = (Arc::downgrade(watch), 0.into(), 0.into(), Mutex::default());
        let gauge = Arc::new(Self { watch, place, function, times, memory, faults, last });
        functions.push(gauge.clone());
        gauge
    }

    /// The status that `read` returns, or the last one if the function is dropped.
    pub(super) fn status(&self, read: impl FnOnce(&Self) -> Option<FunctionStatus>) -> FunctionStatus {
        let mut last = super::lock(&self.last);
        if let Some(status) = read(self) {
            *last = status;
        }
        last.clone()
    }

    /// Counts a call that has ended.
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
