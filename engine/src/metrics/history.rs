//! The counts of a whole run, at a bounded number of moments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Status;

/// The most moments that are kept. If there are more, every second one is removed.
const MOST: usize = 400;
/// The time between moments at first, in milliseconds.
const APART: u64 = 300;

/// The counts of a run since its start. All lists have the same length.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct History {
    /// When, in milliseconds since the start.
    pub at: Vec<u64>,
    /// Emitted by sources until then.
    pub emitted: Vec<u64>,
    /// Taken by sinks until then.
    pub delivered: Vec<u64>,
    /// Records that became faults until then.
    pub faults: Vec<u64>,
    /// The least time between moments, in milliseconds.
    #[serde(skip)]
    apart: u64,
}

impl History {
    /// Adds a status, if the last one is long enough ago or the run has ended.
    pub fn keep(&mut self, status: &Status) {
        let (now, counts) = (status.run.now, status.run.counts);
        if self.at.is_empty() {
            let all = [&mut self.at, &mut self.emitted, &mut self.delivered, &mut self.faults];
            all.into_iter().for_each(|list| list.push(0));
        }
        let recent =
            self.at.len() > 1 && self.at.last().is_some_and(|last| last + self.apart.max(APART) > now);
        let news =
            self.emitted.last() != Some(&counts.emitted) || self.delivered.last() != Some(&counts.delivered);
        if recent && !(status.run.state.is_end() && news) {
            return;
        }
        if self.at.len() == MOST {
            let all = [&mut self.at, &mut self.emitted, &mut self.delivered, &mut self.faults];
            all.into_iter().for_each(thin);
            self.apart = self.at.last().copied().unwrap_or_default() / self.at.len() as u64;
        }
        self.at.push(now);
        self.emitted.push(counts.emitted);
        self.delivered.push(counts.delivered);
        self.faults.push(counts.faults);
    }

    /// Records per second, in and out, in each of `parts` equal parts of a time, which is in milliseconds. Between
    /// the moments that are kept, a constant rate is assumed.
    ///
    /// ```
    /// use engine::metrics::History;
    ///
    /// let mut history = History::default();
    /// (history.at, history.emitted, history.delivered) = (vec![0, 1000, 2000], vec![0, 50, 50], vec![0, 0, 50]);
    /// assert_eq!(history.rates(0, 2000, 2), [(50.0, 0.0), (0.0, 50.0)]);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rates are rounded")]
    pub fn rates(&self, from: u64, to: u64, parts: usize) -> Vec<(f64, f64)> {
        let long = to.saturating_sub(from).max(1) as f64 / parts.max(1) as f64;
        let moments = (0..=parts).map(|part| from as f64 + long * part as f64);
        let counts: Vec<_> =
            moments.map(|at| (self.until(&self.emitted, at), self.until(&self.delivered, at))).collect();
        let per_second = |now: f64, then: f64| (now - then).max(0.0) * 1000.0 / long;
        counts
            .windows(2)
            .map(|pair| (per_second(pair[1].0, pair[0].0), per_second(pair[1].1, pair[0].1)))
            .collect()
    }

    /// A count at any moment, interpolated.
    #[expect(clippy::cast_precision_loss, reason = "rates are rounded")]
    fn until(&self, counts: &[u64], at: f64) -> f64 {
        let count = |place: usize| counts.get(place).map_or(0.0, |count| *count as f64);
        let behind = self.at.partition_point(|moment| *moment as f64 <= at);
        match (behind.checked_sub(1), self.at.get(behind)) {
            (None, _) => count(0),
            (Some(before), None) => count(before),
            (Some(before), Some(next)) => {
                let begin = self.at[before] as f64;
                let part = (at - begin) / (*next as f64 - begin);
                count(before) + (count(behind) - count(before)) * part
            }
        }
    }
}

/// Removes every second entry, and keeps the first.
fn thin(list: &mut Vec<u64>) {
    let mut even = false;
    list.retain(|_| {
        even = !even;
        even
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Monitor;

    /// The history of a run that emits a record each millisecond and is looked at all 400.
    fn looked_at(milliseconds: u64) -> History {
        let (mut history, mut status) = (History::default(), Monitor::new().status());
        for now in (0..=milliseconds).step_by(400) {
            status.run.now = now;
            status.run.counts.emitted = now;
            history.keep(&status);
        }
        history
    }

    #[test]
    fn a_day_of_history_takes_bounded_memory_and_keeps_both_ends() {
        for milliseconds in [60_000, 3_600_000, 86_400_000] {
            let History { at, emitted, delivered, faults, .. } = looked_at(milliseconds);
            assert!(at.len() <= MOST && at.len() >= MOST / 4, "{}", at.len());
            assert_eq!([emitted.len(), delivered.len(), faults.len()], [at.len(); 3]);
            assert_eq!((at[0], &at), (0, &emitted));
            assert!(milliseconds - at[at.len() - 1] <= milliseconds / 100, "{:?}", at.last());
            // They are about equally far apart.
            let widest = at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(widest <= 4 * milliseconds / at.len() as u64, "{widest}");
        }
    }
}
