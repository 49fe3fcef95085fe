//! Whether a lone record is so quickly done that handing it to another thread takes longer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Handing a record to a thread that is awake takes about this long.
const HANDING: Duration = Duration::from_micros(5);

/// A thread that has other things to do should not be kept longer.
const LONG: Duration = Duration::from_micros(500);

/// After one that took too long, one is left to the pool's threads before the next try; if that takes too
/// long again, twice as many, up to this.
const MOST_SPARED: u32 = 64;

/// What was learned from the last records that were done where they were emitted.
#[derive(Default)]
pub(super) struct InlineExecution(Mutex<Learned>);

#[derive(Default)]
struct Learned {
    /// How many are still left to the pool's threads.
    spared: u32,
    /// How many the last slow one left to them.
    patience: u32,
    ended: Option<Instant>,
}

impl InlineExecution {
    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to try it with the next record.
    pub(super) fn is_worth_it(&self) -> bool {
        let mut state = self.lock();
        let worth_it = state.spared == 0;
        state.spared = state.spared.saturating_sub(1);
        worth_it
    }

    /// Learns from a record that was at work from `begun` to `ended`. One after another they are to
    /// be short, or several threads would be faster; now and then they may take a little longer.
    pub(super) fn learn(&self, begun: Instant, ended: Instant) {
        let mut state = self.lock();
        let time = ended - begun;
        let pause = state.ended.map_or(Duration::ZERO, |last| begun.saturating_duration_since(last));
        let slow = time > LONG || (time > HANDING && pause < time);
        state.patience = if slow { (2 * state.patience).clamp(1, MOST_SPARED) } else { 0 };
        state.spared = state.patience;
        state.ended = Some(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_slow_calls_go_to_the_pool_threads() {
        let (inline, now) = (InlineExecution::default(), Instant::now());
        inline.learn(now, now + HANDING / 2);
        assert!(inline.is_worth_it());
        for spared in [1, 2, 4, 8, 16, 32, 64, 64] {
            inline.learn(now + HANDING, now + HANDING * 3);
            assert!((0..spared).all(|_| !inline.is_worth_it()));
            assert!(inline.is_worth_it());
        }
    }

    #[test]
    fn an_occasional_slow_call_stays_inline() {
        let (inline, now) = (InlineExecution::default(), Instant::now());
        inline.learn(now, now);
        inline.learn(now + HANDING * 10, now + HANDING * 12);
        assert!(inline.is_worth_it());
        inline.learn(now + LONG * 10, now + LONG * 12);
        assert!(!inline.is_worth_it());
    }
}
