//! `union`: the elements of two streams as they come.

use std::collections::VecDeque;

use crate::record::Record;
use crate::stream::joint::Join;
use crate::stream::{Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements of both streams as they come.
    ///
    /// Those of two sources are counted anew, in the order in which they come out: what fails behind is told
    /// by that number.
    ///
    /// ```
    /// let (one, other) = (engine::Source::<String>::new(), engine::Source::new());
    /// one.stream().union(other.stream()).sink(|line: String| println!("{line}"));
    /// ```
    pub fn union(self, other: Self) -> Self {
        self.join(other, Union)
    }
}

impl<T: Record> Scattered<T> {
    /// The results of both as they come, each in its own order.
    pub fn union(self, other: Self) -> Self {
        self.in_order_with(other, Stream::union)
    }
}

struct Union;

impl<T: Clone + Send + 'static> Join<T, T> for Union {
    type Output = T;

    fn first(&mut self, element: T, outputs: &mut VecDeque<T>) {
        outputs.push_back(element);
    }

    fn second(&mut self, element: T, outputs: &mut VecDeque<T>) {
        outputs.push_back(element);
    }
}
