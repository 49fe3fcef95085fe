//! `filter`: the elements for which a function says true.

use super::FunctionNode;
use crate::Function;
use crate::function::Kind;
use crate::graph::{Scattered, Stream};
use crate::record::Record;

/// What [`Stream::filter`] takes: a closure, or a function of a plugin.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't filter elements of `{T}`",
    label = "neither a closure over `&{T}` nor a function of a plugin that filters `{T}`",
    note = "write `|x: &{T}| …`, or load the function as `plugin.function::<{T}, {T}>(\"name\")?`"
)]
pub trait Filter<T> {
    #[doc(hidden)]
    fn attach(self, stream: Stream<T>) -> Stream<T>;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements that `f` keeps: a closure over a reference, whose type is to be written, or a
    /// function of a plugin.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, even) = sinks::list();
    /// source.stream().filter(|x: &i64| x % 2 == 0).sink(sink);
    /// for x in 1..=6 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(even.take(), [2, 4, 6]);
    /// # Ok(()) }
    /// ```
    pub fn filter<F: Filter<T>>(self, f: F) -> Self {
        f.attach(self)
    }
}

impl<T: Record> Scattered<T> {
    /// The records that a function of a plugin keeps.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let even = pool.load("even.wasm").await?.function::<i64, i64>("even")?;
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).filter(&even).buffer(8).gather().sink(sink);
    /// for x in 1..=6 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [2, 4, 6]);
    /// # Ok(()) }
    /// ```
    pub fn filter(self, function: &Function<T, T>) -> Self {
        self.stage(function, Some(Kind::Filter))
    }
}

impl<T, F> Filter<T> for F
where
    T: Clone + Send + 'static,
    F: FnMut(&T) -> bool + Send + 'static,
{
    fn attach(mut self, stream: Stream<T>) -> Stream<T> {
        stream.unary("filter", move |element| self(&element).then_some(element))
    }
}

impl<T: Record> Filter<T> for &Function<T, T> {
    fn attach(self, stream: Stream<T>) -> Stream<T> {
        FunctionNode::attach(stream, self, Some(Kind::Filter))
    }
}
