//! `slice`: elements by their position.

use std::num::NonZeroU64;
use std::ops::{Bound, RangeBounds};

use crate::stream::{Operator, Outputs, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements at these positions, counted from 0.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().slice(1..).sink(|line: String| println!("all but the first: {line}"));
    /// ```
    pub fn slice(self, positions: impl RangeBounds<u64>) -> Self {
        self.slice_by(positions, NonZeroU64::MIN)
    }

    /// Of the elements at these positions the first one, and each `step` behind it.
    pub fn slice_by(self, positions: impl RangeBounds<u64>, step: NonZeroU64) -> Self {
        let start = match positions.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match positions.end_bound() {
            Bound::Included(last) => last.checked_add(1),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => None,
        };
        self.through(Slice { position: 0, start, end, step })
    }
}

struct Slice {
    /// Of the next element.
    position: u64,
    start: u64,
    end: Option<u64>,
    step: NonZeroU64,
}

impl<T: Clone + Send + 'static> Operator<T> for Slice {
    type Output = T;

    fn take(&mut self, element: T, outputs: &mut Outputs<T>) -> Result<(), String> {
        let position = self.position;
        self.position += 1;
        let inside = position >= self.start && self.end.is_none_or(|end| position < end);
        if inside && (position - self.start) % self.step == 0 {
            outputs.give(element);
        }
        Ok(())
    }
}
