//! The source positions of a batch's records: implicit where they are consecutive.

use std::sync::Arc;

/// The number of each record, counted from 1 at the source.
///
/// A record keeps its source's number through every stage, so several outputs of one input share it.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    /// Consecutive, starting here.
    From(u64),
    /// One each, ascending, not necessarily without gaps or repetition.
    Each(Arc<Vec<u64>>),
}

impl Numbers {
    /// The number of the record at `index`.
    pub(crate) fn get(&self, index: usize) -> u64 {
        match self {
            Self::From(first) => first.wrapping_add(index as u64),
            Self::Each(numbers) => numbers[index],
        }
    }

    /// How many different numbers `range` holds.
    pub(crate) fn distinct(&self, range: std::ops::Range<usize>) -> usize {
        match self {
            Self::From(_) => range.len(),
            Self::Each(numbers) => numbers[range].chunk_by(|a, b| a == b).count(),
        }
    }
}

/// Collects numbers one by one, and stays implicit as long as they are consecutive.
#[derive(Debug, Default)]
pub(crate) struct NumbersBuilder {
    first: u64,
    len: u64,
    each: Option<Vec<u64>>,
}

impl NumbersBuilder {
    pub(crate) fn push(&mut self, number: u64) {
        match &mut self.each {
            Some(each) => each.push(number),
            None if self.len == 0 => self.first = number,
            None if number == self.first + self.len => {}
            None => self.each = Some((self.first..self.first + self.len).chain([number]).collect()),
        }
        self.len += 1;
    }

    pub(crate) fn build(self) -> Numbers {
        self.each.map_or(Numbers::From(self.first), |each| Numbers::Each(Arc::new(each)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(numbers: &[u64]) -> Numbers {
        let mut builder = NumbersBuilder::default();
        numbers.iter().for_each(|n| builder.push(*n));
        builder.build()
    }

    #[test]
    fn consecutive_numbers_take_no_memory() {
        assert!(matches!(build(&[7, 8, 9]), Numbers::From(7)));
    }

    #[test]
    fn gaps_and_repetitions_are_kept() {
        let numbers = build(&[7, 8, 8, 12]);
        assert_eq!((0..4).map(|i| numbers.get(i)).collect::<Vec<_>>(), [7, 8, 8, 12]);
        assert_eq!(numbers.distinct(1..4), 2);
    }
}
