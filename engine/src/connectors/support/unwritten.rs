//! Which records a sink has taken and not yet written.

use std::collections::VecDeque;

/// The records in a sink's buffer: after a write that failed, they do not count as delivered.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    /// For each portion of records, the offset of its end in all that the sink has buffered, and their number.
    portions: VecDeque<(u64, usize)>,
}

impl Unwritten {
    /// Notes records whose bytes end at this offset. The bytes up to `written` have left the buffer.
    pub(crate) fn add(&mut self, end: u64, records: usize, written: u64) {
        self.settle(written);
        if end > written {
            self.portions.push_back((end, records));
        }
    }

    /// The bytes up to this offset have left the buffer.
    pub(crate) fn settle(&mut self, written: u64) {
        while self.portions.pop_front_if(|(end, _)| *end <= written).is_some() {}
    }

    /// What is buffered goes to another file: what ended at one offset ends at the other one there.
    pub(crate) fn move_to(&mut self, before: u64, now: u64) {
        for (end, _) in &mut self.portions {
            *end = now.saturating_sub(before - *end);
        }
    }

    /// How many records are in the buffer, or in part.
    pub(crate) fn records(&self) -> usize {
        self.portions.iter().map(|(_, records)| records).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_until_their_last_byte_is_written() {
        let mut unwritten = Unwritten::default();
        unwritten.add(10, 2, 0);
        unwritten.add(30, 5, 0);
        unwritten.settle(9);
        assert_eq!(unwritten.records(), 7);
        unwritten.add(31, 1, 29);
        assert_eq!(unwritten.records(), 6);
        unwritten.settle(31);
        unwritten.add(40, 1, 40);
        assert_eq!(unwritten.records(), 0);
        unwritten.add(60, 1, 40);
        unwritten.add(70, 2, 40);
        unwritten.move_to(70, 30);
        unwritten.settle(20);
        assert_eq!(unwritten.records(), 2);
    }
}
