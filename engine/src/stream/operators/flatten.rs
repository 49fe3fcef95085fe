//! `flatten`: the items of collections as elements.

use crate::record::{Json, Record};
use crate::stream::{Operator, Outputs, Scattered, Stream};

impl<I> Stream<I>
where
    I: IntoIterator<Item: Clone + Send + 'static> + Clone + Send + 'static,
{
    /// Each collection's items as elements, in their order; an empty one gives nothing.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// source.stream().flatten().sink(|x: i64| println!("{x}"));
    /// # let _ = source.emit(vec![1, 2, 3]);
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
}
