//! `remove`: the elements for which a function says false.

use crate::graph::Stream;

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements that `f` does not remove: what [`filter`](Self::filter) would leave out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, lines) = sinks::list();
    /// source.stream().remove(|line: &&str| line.is_empty()).sink(sink);
    /// for line in ["one", "", "two"] {
    ///     source.emit(line).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(lines.take(), ["one", "two"]);
    /// # Ok(()) }
    /// ```
    pub fn remove(self, mut f: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.filter(move |element: &T| !f(element))
    }
}
