//! `sliding_window`: each element with those before it.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{Json, Record};
use crate::stream::{Operator, Outputs, Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The last `n` elements, with each element once there are so many.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// let source = engine::Source::new();
    /// let three = NonZeroUsize::new(3).unwrap();
    /// let means = source.stream().sliding_window(three).map(|window: Vec<f64>| window.iter().sum::<f64>() / 3.0);
    /// means.sink(|mean: f64| println!("{mean}"));
    /// ```
    pub fn sliding_window(self, n: NonZeroUsize) -> Stream<Vec<T>> {
        self.through(SlidingWindow { window: VecDeque::new(), n, partial: false })
    }

    /// The same, and at the beginning windows of fewer elements: 1, 2 and so on.
    pub fn sliding_window_partial(self, n: NonZeroUsize) -> Stream<Vec<T>> {
        self.through(SlidingWindow { window: VecDeque::new(), n, partial: true })
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Each result with those before it, `n` together, as JSON arrays.
    pub fn sliding_window(self, n: NonZeroUsize) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.sliding_window(n).map(Json))
    }
}

struct SlidingWindow<T> {
    window: VecDeque<T>,
    n: NonZeroUsize,
    partial: bool,
}

impl<T: Clone + Send + 'static> Operator<T> for SlidingWindow<T> {
    type Output = Vec<T>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<T>>) -> Result<(), String> {
        if self.window.len() == self.n.get() {
            self.window.pop_front();
        }
        self.window.push_back(element);
        if self.partial || self.window.len() == self.n.get() {
            outputs.give(self.window.iter().cloned().collect());
        }
        Ok(())
    }

    fn holds_back(&self) -> bool {
        // The first ones are in no window yet.
        !self.partial && self.window.len() < self.n.get() && !self.window.is_empty()
    }
}
