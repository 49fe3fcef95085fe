//! How many records a call takes: as many as keep it well under a millisecond.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// More records than this a call do not pay: they leave the processor's cache.
const MOST_RECORDS: usize = 8192;

/// A call's records take no more bytes than this, unless a single one does.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// A call that is faster may be larger.
const FAST: Duration = Duration::from_micros(400);

/// A call that is slower should be smaller.
const SLOW: Duration = Duration::from_millis(2);

/// The number of records that a call of one function takes, learned from the calls before.
pub(crate) struct BatchSize(AtomicUsize);

impl BatchSize {
    /// A new function starts with one record a call.
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(1))
    }

    pub(crate) fn records(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Learns from a call of `records` that took `time`.
    pub(crate) fn learn(&self, records: usize, time: Duration) {
        self.learn_between(records, time, FAST, SLOW);
    }

    /// The same; a call should take no less than `fast`, and no more than `slow`.
    pub(crate) fn learn_between(&self, records: usize, time: Duration, fast: Duration, slow: Duration) {
        let now = self.records();
        if time < fast {
            // A call that was smaller than allowed says nothing of larger ones.
            if records >= now && now < MOST_RECORDS {
                self.0.store((now * 2).min(MOST_RECORDS), Relaxed);
            }
        } else if time > slow {
            let fitting = records as u128 * slow.as_nanos() / time.as_nanos();
            let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
            self.0.store(fitting.clamp(1, now), Relaxed);
        }
    }

    /// A call failed: the next ones are small, so that little is run again.
    pub(crate) fn shrink(&self) {
        self.0.store((self.records() / 8).max(1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_records_soon_fill_a_call() {
        let batch_size = BatchSize::new();
        for _ in 0..20 {
            batch_size.learn(batch_size.records(), Duration::from_micros(batch_size.records() as u64 / 50));
        }
        assert_eq!(batch_size.records(), MOST_RECORDS);
    }

    #[test]
    fn a_slow_record_resets_the_batch_to_one() {
        let batch_size = BatchSize(AtomicUsize::new(MOST_RECORDS));
        batch_size.learn(MOST_RECORDS, Duration::from_millis(20));
        assert_eq!(batch_size.records(), MOST_RECORDS / 10);
        batch_size.learn(1, Duration::from_secs(1));
        assert_eq!(batch_size.records(), 1);
    }
}
