//! `flat_map`: any number of elements for each.

use std::sync::{Mutex, PoisonError};

use super::FunctionNode;
use crate::Function;
use crate::function::Kind;
use crate::graph::{Handling, Items, Node, Outlet, Scattered, Stream};
use crate::progress::Holding;
use crate::record::Record;

/// What [`Stream::flat_map`] takes: a closure, or a function of a plugin.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't flat-map elements of `{T}`",
    label = "neither a closure from `{T}` to an iterator nor a function of a plugin that takes `{T}`",
    note = "write `|x: {T}| …`, or load the function as `plugin.function::<{T}, _>(\"name\")?`"
)]
pub trait FlatMap<T> {
    /// What it gives any number of.
    type Output: Clone + Send + 'static;

    #[doc(hidden)]
    fn attach(self, stream: Stream<T>) -> Stream<Self::Output>;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Any number of elements for each: a closure that returns something to iterate over, or a
    /// function of a plugin.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, words) = sinks::list();
    /// source.stream().flat_map(|line: &'static str| line.split(' ')).sink(sink);
    /// source.emit("so it goes").await?;
    /// source.emit("on").await?;
    /// source.close().await?;
    /// assert_eq!(words.take(), ["so", "it", "goes", "on"]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map<F: FlatMap<T>>(self, f: F) -> Stream<F::Output> {
        f.attach(self)
    }
}

impl<T: Record> Scattered<T> {
    /// Any number of records for each, by a function of a plugin.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let words = pool.load("words.wasm").await?.function::<String, String>("words")?;
    /// let source = Source::new();
    /// let (sink, list) = sinks::list();
    /// source.stream().scatter(&pool).flat_map(&words).buffer(8).gather().sink(sink);
    /// source.emit("so it goes".to_owned()).await?;
    /// source.emit("on".to_owned()).await?;
    /// source.close().await?;
    /// assert_eq!(list.take(), ["so", "it", "goes", "on"]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map<U: Record>(self, function: &Function<T, U>) -> Scattered<U> {
        self.stage(function, Some(Kind::FlatMap))
    }
}

impl<T, I, F> FlatMap<T> for F
where
    T: Clone + Send + 'static,
    I: IntoIterator<Item: Clone + Send + 'static, IntoIter: Send> + 'static,
    F: FnMut(T) -> I + Send + 'static,
{
    type Output = I::Item;

    fn attach(self, stream: Stream<T>) -> Stream<I::Item> {
        stream.attach("flat_map", |outlet| FlatMapNode { f: Mutex::new(self), outlet })
    }
}

impl<T: Record, U: Record> FlatMap<T> for &Function<T, U> {
    type Output = U;

    fn attach(self, stream: Stream<T>) -> Stream<U> {
        FunctionNode::attach(stream, self, Some(Kind::FlatMap))
    }
}

struct FlatMapNode<F, U> {
    f: Mutex<F>,
    outlet: Outlet<U>,
}

impl<T, I, F> Node<T> for FlatMapNode<F, I::Item>
where
    T: Clone + Send + 'static,
    I: IntoIterator<Item: Clone + Send + 'static, IntoIter: Send>,
    F: FnMut(T) -> I + Send,
{
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async move {
            for item in items {
                let (number, value) = item?;
                let outputs = (self.f.lock().unwrap_or_else(PoisonError::into_inner))(value).into_iter();
                for output in outputs {
                    self.outlet.send(Items::One(number, output)).await?;
                }
            }
            Ok(())
        })
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
