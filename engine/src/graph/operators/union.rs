//! `union`: the elements of two streams as they come.

use std::collections::VecDeque;

use crate::graph::binary::BinaryOperator;
use crate::graph::{Scattered, Stream};
use crate::progress::Keeps;
use crate::record::Record;

impl<T: Clone + Send + 'static> Stream<T> {
    /// Passes on the elements of both streams as they come.
    ///
    /// Elements of two sources are numbered anew, in the order in which they come out. Faults after this node have
    /// these numbers.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let (one, other) = (Source::new(), Source::new());
    /// let (sink, lines) = sinks::list();
    /// one.stream().union(other.stream()).sink(sink);
    /// one.emit("a").await?;
    /// other.emit("b").await?;
    /// one.emit("c").await?;
    /// one.close().await?;
    /// other.close().await?;
    /// assert_eq!(lines.take(), ["a", "b", "c"]);
    /// # Ok(()) }
    /// ```
    pub fn union(self, other: Self) -> Self {
        self.binary(other, Union)
    }
}

impl<T: Record> Scattered<T> {
    /// The results of both as they come, each in its own order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, one, other) = (Pool::new()?, Source::new(), Source::new());
    /// let (sink, numbers) = sinks::list();
    /// one.stream().scatter(&pool).union(other.stream().scatter(&pool)).gather().sink(sink);
    /// one.emit(1).await?;
    /// other.emit(2).await?;
    /// one.emit(3).await?;
    /// one.close().await?;
    /// other.close().await?;
    /// assert_eq!(numbers.take(), [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn union(self, other: Self) -> Self {
        self.in_order_with(other, Stream::union)
    }
}

struct Union;

impl<T: Clone + Send + 'static> BinaryOperator<T, T> for Union {
    type Output = T;

    fn name(&self) -> &str {
        "union"
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }

    fn first(&mut self, element: T, outputs: &mut VecDeque<T>) {
        outputs.push_back(element);
    }

    fn second(&mut self, element: T, outputs: &mut VecDeque<T>) {
        outputs.push_back(element);
    }
}
