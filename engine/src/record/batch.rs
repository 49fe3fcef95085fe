//! Consecutive records in two runs of memory, laid out as they cross into a sandbox.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use super::Numbers;
use super::numbers::NumbersBuilder;

/// Records back to back, each followed by one byte that belongs to none (a line's own newline).
#[derive(Debug)]
struct Block {
    data: Vec<u8>,
    /// Where each record ends; the next one begins a byte further.
    ends: Vec<u32>,
}

/// Consecutive records: a range of a shared block, so that cutting one copies nothing.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    block: Arc<Block>,
    range: Range<usize>,
    numbers: Numbers,
    /// The records that these were made from, if they may be asked for.
    origin: Option<Arc<Self>>,
}

impl Batch {
    /// A batch over a whole block. `ends` must ascend strictly, and `data` end one byte after the last.
    pub(crate) fn new(data: Vec<u8>, ends: Vec<u32>, numbers: Numbers) -> Self {
        debug_assert_eq!(data.len(), ends.last().map_or(0, |end| *end as usize + 1));
        let range = 0..ends.len();
        Self { block: Arc::new(Block { data, ends }), range, numbers, origin: None }
    }

    /// No records.
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new(), Vec::new(), Numbers::From(0))
    }

    /// A single record.
    pub(crate) fn one(number: u64, mut data: Vec<u8>) -> Self {
        let end = u32::try_from(data.len()).expect("a record is below 4 GiB");
        data.push(b'\n');
        Self::new(data, vec![end], Numbers::From(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Where the record at `index` of the block begins in its data.
    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.block.ends[index - 1] as usize + 1 }
    }

    /// The bytes of all records, each with the byte that follows it.
    pub(crate) fn data(&self) -> &[u8] {
        &self.block.data[self.start(self.range.start)..self.start(self.range.end)]
    }

    /// The ends of the records within [`data`](Self::data), in `scratch` where they must be moved.
    pub(crate) fn ends<'a>(&'a self, scratch: &'a mut Vec<u32>) -> &'a [u32] {
        let ends = &self.block.ends[self.range.clone()];
        let Ok(start @ 1..) = u32::try_from(self.start(self.range.start)) else { return ends };
        scratch.clear();
        scratch.extend(ends.iter().map(|end| end - start));
        scratch
    }

    /// The bytes of the record at `index`.
    pub(crate) fn record(&self, index: usize) -> &[u8] {
        let index = self.range.start + index;
        &self.block.data[self.start(index)..self.block.ends[index] as usize]
    }

    /// Remembers these records as the origin of what is made from them.
    pub(crate) fn keep_as_origin(&mut self) {
        if self.origin.is_none() {
            self.origin = Some(Arc::new(self.clone()));
        }
    }

    /// These were made from `input`, and so from what that was made from.
    pub(crate) fn keep_origin_of(&mut self, input: &Self) {
        self.origin.clone_from(&input.origin);
    }

    /// Lets go of what these were made from.
    pub(crate) fn forget_origin(&mut self) {
        self.origin = None;
    }

    pub(crate) fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    /// The record that the one at `index` was made from, or itself if that is not known any more.
    pub(crate) fn origin(&self, index: usize) -> &[u8] {
        let number = self.number(index);
        let known = self.origin.as_ref().and_then(|origin| Some(origin.record(origin.find(number)?)));
        known.unwrap_or_else(|| self.record(index))
    }

    /// About the bytes that it keeps in memory: its own, and those of the records that it was made from.
    pub(crate) fn weight(&self) -> usize {
        let other = self.origin.as_ref().filter(|origin| !Arc::ptr_eq(&origin.block, &self.block));
        let origin = other.filter(|_| !self.is_empty()).map_or(0, |origin| {
            let span = origin.find(self.number(0)).zip(origin.find(self.number(self.len() - 1)));
            span.map_or(0, |(first, last)| {
                let base = origin.range.start;
                origin.start(base + last + 1) - origin.start(base + first)
            })
        });
        self.data().len() + origin
    }

    /// The most bytes of one record, the byte after it included; or, if records of one number are `grouped`,
    /// of one such group.
    pub(crate) fn largest(&self, grouped: bool) -> usize {
        let start = self.start(self.range.start);
        let ends = &self.block.ends[self.range.clone()];
        let begins = iter::once(start).chain(ends.iter().map(|end| *end as usize + 1));
        let sizes = ends.iter().zip(begins).map(|(end, begin)| *end as usize + 1 - begin);
        match &self.numbers {
            Numbers::Each(numbers) if grouped => {
                let (mut most, mut sum, mut last) = (0, 0, None);
                for (size, number) in sizes.zip(&numbers[self.range.clone()]) {
                    sum = if last == Some(number) { sum + size } else { size };
                    most = most.max(sum);
                    last = Some(number);
                }
                most
            }
            _ => sizes.max().unwrap_or(0),
        }
    }

    /// The first record with the source's number `number`, by its place.
    pub(crate) fn find(&self, number: u64) -> Option<usize> {
        let index = match &self.numbers {
            Numbers::From(first) => usize::try_from(number.wrapping_sub(*first)).ok()?,
            Numbers::Each(numbers) => numbers.partition_point(|known| *known < number).max(self.range.start),
        };
        let known = self.range.contains(&index) && self.numbers.get(index) == number;
        known.then(|| index - self.range.start)
    }

    /// How many records have no higher number than this.
    pub(crate) fn count_to(&self, number: u64) -> usize {
        let range = self.range.clone();
        let known = match &self.numbers {
            Numbers::From(first) => {
                let records = (number + 1).saturating_sub(first.wrapping_add(range.start as u64));
                return usize::try_from(records).unwrap_or(usize::MAX).min(self.len());
            }
            Numbers::Each(numbers) => &numbers[range],
        };
        known.partition_point(|known| *known <= number)
    }

    /// The source's number of the record at `index`.
    pub(crate) fn number(&self, index: usize) -> u64 {
        self.numbers.get(self.range.start + index)
    }

    /// The bytes and the source's number of each record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        (0..self.len()).map(|index| (self.number(index), self.record(index)))
    }

    /// How many source records these come from.
    pub(crate) fn sources(&self) -> usize {
        self.numbers.distinct(self.range.clone())
    }

    /// Keeps the first `n` records and returns the rest.
    pub(crate) fn split_off(&mut self, n: usize) -> Self {
        let middle = self.range.start + n;
        let rest = Self { range: middle..self.range.end, ..self.clone() };
        self.range.end = middle;
        rest
    }

    /// Keeps the first `n` records.
    pub(crate) fn truncate(&mut self, n: usize) {
        self.range.end = self.range.end.min(self.range.start + n);
    }

    /// The record at `index` alone.
    pub(crate) fn alone(&self, index: usize) -> Self {
        let index = self.range.start + index;
        Self { range: index..index + 1, ..self.clone() }
    }

    /// How many of the first records fit in `bytes`; at least one.
    pub(crate) fn fitting(&self, bytes: usize) -> usize {
        let limit = self.start(self.range.start) + bytes;
        self.block.ends[self.range.clone()].partition_point(|end| (*end as usize) < limit).max(1)
    }

    /// The records for which `keep` (one for each) is not 0.
    pub(crate) fn select(&self, keep: &[u32]) -> Self {
        let mut builder = BatchBuilder::default();
        for (index, _) in keep.iter().enumerate().filter(|(_, keep)| **keep != 0) {
            builder.push(self.number(index), |data| data.extend_from_slice(self.record(index)));
        }
        builder.build()
    }

    /// Numbers the records from `first` on.
    pub(crate) fn number_from(&mut self, first: u64) {
        self.numbers = Numbers::From(first.wrapping_sub(self.range.start as u64));
    }

    /// The numbers of all records.
    pub(crate) fn numbers(&self) -> Numbers {
        match &self.numbers {
            Numbers::From(first) => Numbers::From(first.wrapping_add(self.range.start as u64)),
            Numbers::Each(numbers) => Numbers::Each(Arc::new(numbers[self.range.clone()].to_vec())),
        }
    }

    /// The numbers of outputs, of which each record here gave `counts`.
    pub(crate) fn numbers_by(&self, counts: impl Iterator<Item = u32>) -> Numbers {
        let mut numbers = NumbersBuilder::default();
        for (index, count) in counts.enumerate() {
            (0..count).for_each(|_| numbers.push(self.number(index)));
        }
        numbers.build()
    }

    /// All records with `separator` after each, without a copy if it is there already, or if nothing else holds
    /// the block.
    pub(crate) fn separated(&mut self, separator: u8) -> std::borrow::Cow<'_, [u8]> {
        let (from, to) = (self.start(self.range.start), self.start(self.range.end));
        let range = self.range.clone();
        if self.block.ends[range.clone()].iter().all(|end| self.block.data[*end as usize] == separator) {
            return self.block.data[from..to].into();
        }
        if let Some(block) = Arc::get_mut(&mut self.block) {
            for end in &block.ends[range] {
                block.data[*end as usize] = separator;
            }
            return self.block.data[from..to].into();
        }
        let mut data = self.block.data[from..to].to_vec();
        for end in &self.block.ends[range] {
            data[*end as usize - from] = separator;
        }
        data.into()
    }
}

/// Builds a batch record by record.
#[derive(Debug, Default)]
pub(crate) struct BatchBuilder {
    data: Vec<u8>,
    ends: Vec<u32>,
    numbers: NumbersBuilder,
}

impl BatchBuilder {
    /// Adds the record that `encode` appends.
    pub(crate) fn push(&mut self, number: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.data);
        self.ends.push(u32::try_from(self.data.len()).expect("a batch holds less than 4 GiB"));
        self.data.push(b'\n');
        self.numbers.push(number);
    }

    /// Adds records of a batch.
    pub(crate) fn append(&mut self, batch: &Batch, range: Range<usize>) {
        for index in range {
            self.push(batch.number(index), |data| data.extend_from_slice(batch.record(index)));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn build(self) -> Batch {
        Batch::new(self.data, self.ends, self.numbers.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: &[&str]) -> Batch {
        let mut builder = BatchBuilder::default();
        for (number, record) in (1..).zip(records) {
            builder.push(number, |data| data.extend_from_slice(record.as_bytes()));
        }
        builder.build()
    }

    #[test]
    fn a_sliced_batch_reads_like_a_batch_of_its_own() {
        let mut first = batch(&["a", "", "ccc", "dd"]);
        let rest = first.split_off(2);
        assert_eq!(first.data(), b"a\n\n");
        assert_eq!(rest.iter().collect::<Vec<_>>(), [(3, &b"ccc"[..]), (4, b"dd")]);
        assert_eq!(rest.data(), b"ccc\ndd\n");
        assert_eq!(rest.ends(&mut Vec::new()), [3, 6]);
    }

    #[test]
    fn a_shared_block_is_not_overwritten() {
        let mut first = batch(&["a", "b"]);
        let other = first.clone();
        assert_eq!(&*first.separated(0), b"a\0b\0");
        assert_eq!(other.data(), b"a\nb\n");
    }

    #[test]
    fn splitting_takes_whole_records_and_at_least_one() {
        let batch = batch(&["aaaa", "b", "c"]);
        assert_eq!([1, 5, 6, 7, 100].map(|bytes| batch.fitting(bytes)), [1, 1, 1, 2, 3]);
    }

    #[test]
    fn the_largest_record_counts_all_outputs_of_one_number() {
        let mut pieces = batch(&["aaaa", "b", "ccc"]);
        assert_eq!((pieces.largest(true), pieces.split_off(1).largest(true)), (5, 4));
        let mut builder = BatchBuilder::default();
        for (number, record) in [(1, "aaaa"), (2, "bbb"), (2, "cc"), (3, "d")] {
            builder.push(number, |data| data.extend_from_slice(record.as_bytes()));
        }
        let pieces = builder.build();
        assert_eq!((pieces.largest(true), pieces.largest(false)), (7, 5));
    }

    #[test]
    fn selected_records_keep_their_numbers() {
        let kept = batch(&["a", "b", "c"]).select(&[1, 0, 1]);
        assert_eq!(kept.iter().collect::<Vec<_>>(), [(1, &b"a"[..]), (3, b"c")]);
    }
}
