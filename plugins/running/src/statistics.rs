//! Mean and deviation of values that come one by one, by Welford's method: no sum of squares, which would
//! lose digits.

use serde::{Deserialize, Serialize};

/// The values so far.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct Statistics {
    pub(crate) hours: u64,
    pub(crate) mean: f64,
    /// The squares of the distances from the mean, added up.
    squares: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Statistics {
    pub(crate) fn add(&mut self, value: f64) {
        if self.hours == 0 {
            (self.lowest, self.highest) = (value, value);
        }
        self.hours += 1;
        let before = value - self.mean;
        self.mean += before / self.hours as f64;
        self.squares += before * (value - self.mean);
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
    }

    /// How far values lie from the mean; none of a single one.
    pub(crate) fn deviation(&self) -> Option<f64> {
        (self.hours > 1).then(|| (self.squares / (self.hours - 1) as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_the_sample_deviation() {
        let mut seen = Statistics::default();
        assert_eq!(seen.deviation(), None);
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            seen.add(value);
        }
        assert_eq!((seen.mean, seen.lowest, seen.highest), (5.0, 2.0, 9.0));
        assert!((seen.deviation().unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
    }
}
