//! `remove`: the elements for which a function says false.

use crate::stream::Stream;

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements that `f` does not remove: what [`filter`](Self::filter) would leave out.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().remove(|line: &String| line.is_empty()).sink(|line: String| println!("{line}"));
    /// ```
    pub fn remove(self, mut f: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.filter(move |element: &T| !f(element))
    }
}
