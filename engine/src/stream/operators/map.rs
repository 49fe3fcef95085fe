//! `map`: each element through a function.

use std::sync::{Mutex, PoisonError};

use super::FunctionNode;
use crate::Function;
use crate::plugin::Kind;
use crate::record::Record;
use crate::stream::{Handling, Items, Node, Outlet, Scattered, Stream};

/// What [`Stream::map`] takes: a closure, or a function of a plugin.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't map elements of `{T}`",
    label = "neither a closure over `{T}` nor a function of a plugin that takes `{T}`",
    note = "write `|x: {T}| …`, or load the function as `plugin.function::<{T}, _>(\"name\")?`"
)]
pub trait Map<T> {
    /// What it gives.
    type Output: Clone + Send + 'static;

    #[doc(hidden)]
    fn attach(self, stream: Stream<T>) -> Stream<Self::Output>;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Each element through `f`: a closure, or a function of a plugin.
    ///
    /// ```
    /// # fn main() -> Result<(), engine::Error> {
    /// let source = engine::Source::new();
    /// source.stream().map(|line: String| line.len()).sink(|length: usize| println!("{length}"));
    /// # Ok(()) }
    /// ```
    pub fn map<F: Map<T>>(self, f: F) -> Stream<F::Output> {
        f.attach(self)
    }
}

impl<T: Record> Scattered<T> {
    /// Each record through a function of a plugin, many at once.
    pub fn map<U: Record>(self, function: &Function<T, U>) -> Scattered<U> {
        self.stage(function, Some(Kind::Map))
    }

    /// Records through a function of whatever kind, as long as it is no sink.
    pub fn apply<U: Record>(self, function: &Function<T, U>) -> Scattered<U> {
        self.stage(function, None)
    }
}

impl<T, U, F> Map<T> for F
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
    F: FnMut(T) -> U + Send + 'static,
{
    type Output = U;

    fn attach(self, stream: Stream<T>) -> Stream<U> {
        stream.attach(|outlet| MapNode { f: Mutex::new(self), outlet })
    }
}

impl<T: Record, U: Record> Map<T> for &Function<T, U> {
    type Output = U;

    fn attach(self, stream: Stream<T>) -> Stream<U> {
        FunctionNode::attach(stream, self, Some(Kind::Map))
    }
}

struct MapNode<F, U> {
    f: Mutex<F>,
    outlet: Outlet<U>,
}

impl<F, U: Clone + Send + 'static> MapNode<F, U> {
    fn take<T>(&self, number: u64, value: T) -> Handling<'_>
    where
        F: FnMut(T) -> U,
    {
        let mapped = (self.f.lock().unwrap_or_else(PoisonError::into_inner))(value);
        self.outlet.send(Items::One(number, mapped))
    }
}

impl<T, U, F> Node<T> for MapNode<F, U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
    F: FnMut(T) -> U + Send,
{
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        match items {
            Items::One(number, value) => self.take(number, value),
            items => Handling::going(async move {
                for item in items {
                    let (number, value) = item?;
                    self.take(number, value).await?;
                }
                Ok(())
            }),
        }
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }
}
