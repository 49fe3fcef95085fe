//! `frequencies`: how often each element came so far.

use std::hash::Hash;

use indexmap::IndexMap;

use crate::stream::{Operator, Outputs, Stream};

impl<T: Clone + Eq + Hash + Send + Sync + 'static> Stream<T> {
    /// After each element, how often each one came so far, in the order in which they came first.
    ///
    /// A count of its own comes out each time, which takes as long as there are different elements.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// let words = source.stream().frequencies();
    /// words.slice(999..).sink(|counts: Vec<(String, u64)>| println!("{counts:?}"));
    /// ```
    pub fn frequencies(self) -> Stream<Vec<(T, u64)>> {
        self.through(Frequencies(IndexMap::new()))
    }
}

struct Frequencies<T>(IndexMap<T, u64>);

impl<T: Clone + Eq + Hash + Send + 'static> Operator<T> for Frequencies<T> {
    type Output = Vec<(T, u64)>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<(T, u64)>>) -> Result<(), String> {
        *self.0.entry(element).or_default() += 1;
        outputs.give(self.0.iter().map(|(element, count)| (element.clone(), *count)).collect());
        Ok(())
    }
}
