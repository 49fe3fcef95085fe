//! How many records a segment may hold if it has no exact buffer: about as many as leave it within a second.
//!
//! A run that is told to end finishes what it has taken in. Few records of a slow function are soon finished, and many
//! of a fast one keep all threads busy.

use std::time::{Duration, Instant};

/// Records should leave within this time.
const WITHIN: Duration = Duration::from_secs(1);

/// The rate is measured over one to two of these.
const WINDOW: Duration = Duration::from_millis(250);

/// A segment may always hold this many records.
const LEAST: usize = 8;

/// How many records a segment may hold, learned from how fast they leave it.
pub(super) struct Pace {
    allowed: usize,
    most: usize,
    /// Since when records that have left are counted, and how many there were.
    begun: Instant,
    left: usize,
    /// The time before that, and how many left in it.
    before: (Duration, usize),
}

impl Pace {
    pub(super) fn new(most: usize, now: Instant) -> Self {
        let most = most.max(1);
        Self { allowed: LEAST.min(most), most, begun: now, left: 0, before: (Duration::ZERO, 0) }
    }

    /// How many records it may hold.
    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    /// A record waits because the segment holds as many as it may. Returns how many more it may hold: some, if records
    /// leave so fast or if it is `idle`, which is when threads find no work and no result waits to be gathered.
    pub(super) fn widen(&mut self, idle: bool, now: Instant) -> usize {
        let more = if idle || self.allowed < self.fitting(now) { self.allowed } else { 0 };
        let more = more.min(self.most - self.allowed);
        self.allowed += more;
        more
    }

    /// Records have left. Returns how many others may come in for them: fewer, if there are far too many.
    pub(super) fn leave(&mut self, records: usize, now: Instant) -> usize {
        self.left += records;
        let time = now.saturating_duration_since(self.begun);
        // What filled the segment was measured at another pace, which this does not follow at each whim.
        let enough = self.fitting(now).saturating_mul(2).max(LEAST);
        if time >= WINDOW {
            (self.before, self.begun, self.left) = ((time, self.left), now, 0);
        }
        let kept = records.min(self.allowed.saturating_sub(enough));
        self.allowed -= kept;
        records - kept
    }

    /// How many records leave within the time, at the present rate.
    fn fitting(&self, now: Instant) -> usize {
        let (time, left) = self.before;
        let time = time + now.saturating_duration_since(self.begun);
        let left = (left + self.left) as u128;
        let fitting = left * WITHIN.as_nanos() / time.as_nanos().max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 18;

    /// A segment that is always full, with threads that finish a record in this time.
    fn full(pace: &mut Pace, now: &mut Instant, each: Duration, time: Duration) {
        let (end, mut debt) = (*now + time, 0);
        while *now < end {
            let step = each.max(Duration::from_micros(100));
            let records = usize::try_from(step.as_nanos() / each.as_nanos()).unwrap().min(pace.allowed());
            *now += step;
            debt += records - pace.leave(records, *now);
            pace.widen(false, *now);
        }
        assert!(debt < 2 * MOST);
    }

    #[test]
    fn a_slow_function_holds_what_it_finishes_in_about_a_second() {
        let mut now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        full(&mut pace, &mut now, Duration::from_micros(300), Duration::from_secs(3));
        assert!((2000..7000).contains(&pace.allowed()), "{}", pace.allowed());
    }

    #[test]
    fn a_fast_function_soon_has_the_whole_buffer() {
        let mut now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        full(&mut pace, &mut now, Duration::from_nanos(100), Duration::from_millis(20));
        assert_eq!(pace.allowed(), MOST);
    }

    #[test]
    fn a_function_that_becomes_slow_holds_fewer_again() {
        let mut now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        full(&mut pace, &mut now, Duration::from_nanos(100), Duration::from_millis(20));
        full(&mut pace, &mut now, Duration::from_millis(1), Duration::from_secs(300));
        assert!(pace.allowed() <= 2000, "{}", pace.allowed());
    }

    #[test]
    fn idle_threads_get_work_however_slow_records_are() {
        let now = Instant::now();
        let mut pace = Pace::new(1000, now);
        let more: Vec<_> = (0..8).map(|_| pace.widen(true, now + WITHIN)).collect();
        assert_eq!(more, [8, 16, 32, 64, 128, 256, 488, 0]);
    }
}
