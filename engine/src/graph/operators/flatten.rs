//! `flatten`: the items of collections as elements.

use crate::graph::{Operator, Outputs, Scattered, Stream};
use crate::progress::Keeps;
use crate::record::{Json, Record};

impl<I> Stream<I>
where
    I: IntoIterator<Item: Clone + Send + 'static> + Clone + Send + 'static,
{
    /// Each collection's items as elements, in their order; an empty one gives nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, items) = sinks::list();
    /// source.stream().flatten().sink(sink);
    /// for collection in [vec![1, 2], vec![], vec![3]] {
    ///     source.emit(collection).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(items.take(), [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn flatten(self) -> Stream<I::Item> {
        self.through(Flatten)
    }
}

impl<T: Record> Scattered<Json<Vec<T>>>
where
    Json<Vec<T>>: Record,
{
    /// The items of each array, as records of their own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, items) = sinks::list();
    /// source.stream().scatter(&pool).flatten().buffer(8).gather().sink(sink);
    /// for array in [vec![1, 2], vec![], vec![3]] {
    ///     source.emit(Json(array)).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(items.take(), [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn flatten(self) -> Scattered<T> {
        self.in_order(|stream| stream.flat_map(|Json(items): Json<Vec<T>>| items))
    }
}

struct Flatten;

impl<I> Operator<I> for Flatten
where
    I: IntoIterator<Item: Clone + Send + 'static> + Clone + Send + 'static,
{
    type Output = I::Item;

    fn take(&mut self, items: I, outputs: &mut Outputs<I::Item>) -> Result<(), String> {
        items.into_iter().for_each(|item| outputs.give(item));
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }
}
