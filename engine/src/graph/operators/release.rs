//! When the states of keys come out.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// When the states of keys come out, and how many there may be.
///
/// After they came out, the keys begin anew. A new key beyond the bound is a fault of the element that has it.
#[derive(Clone, Debug)]
pub struct Release {
    pub(super) every: Option<NonZeroU64>,
    pub(super) interval: Option<Duration>,
    pub(super) most_keys: NonZeroUsize,
    pub(super) most_bytes: usize,
}

/// The most keys, unless more are asked for.
const KEYS: NonZeroUsize = NonZeroUsize::new(1_000_000).expect("it is not zero");

impl Release {
    /// They come out once, at the end of the stream.
    #[must_use]
    pub fn at_end() -> Self {
        Self { every: None, interval: None, most_keys: KEYS, most_bytes: usize::MAX }
    }

    /// They come out each time that `n` elements were taken, too.
    #[must_use]
    pub fn every(self, n: NonZeroU64) -> Self {
        Self { every: Some(n), ..self }
    }

    /// They come out each time that an interval is over, too. The first one begins with the first element.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// The most keys at the same time; 1,000,000 by default.
    #[must_use]
    pub fn most_keys(self, keys: NonZeroUsize) -> Self {
        Self { most_keys: keys, ..self }
    }

    /// The most bytes that keys and states take together.
    pub(crate) fn most_bytes(self, bytes: usize) -> Self {
        Self { most_bytes: bytes, ..self }
    }
}
