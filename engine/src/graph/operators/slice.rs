//! `slice`: elements by their position.

use std::num::NonZeroU64;
use std::ops::{Bound, RangeBounds};

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements at these positions, counted from 0.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, rows) = sinks::list();
    /// source.stream().slice(1..).sink(sink);
    /// for line in ["header", "one", "two"] {
    ///     source.emit(line).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(rows.take(), ["one", "two"]);
    /// # Ok(()) }
    /// ```
    pub fn slice(self, positions: impl RangeBounds<u64>) -> Self {
        self.slice_by(positions, NonZeroU64::MIN)
    }

    /// Of the elements at these positions the first one, and each `step` after it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroU64;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, some) = sinks::list();
    /// source.stream().slice_by(1.., NonZeroU64::new(3).unwrap()).sink(sink);
    /// for x in 0..10 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(some.take(), [1, 4, 7]);
    /// # Ok(()) }
    /// ```
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

impl Save for Slice {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.number(self.position);
        Ok(())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.position = restorer.number()?;
        Ok(())
    }
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

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}
