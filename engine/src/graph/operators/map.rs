//! `map`: each element through a function.

use super::FunctionNode;
use crate::Function;
use crate::function::Kind;
use crate::graph::{Scattered, Stream};
use crate::record::Record;

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
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, lengths) = sinks::list();
    /// source.stream().map(|word: &str| word.len()).sink(sink);
    /// for word in ["so", "it", "goes"] {
    ///     source.emit(word).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(lengths.take(), [2, 2, 4]);
    /// # Ok(()) }
    /// ```
    pub fn map<F: Map<T>>(self, f: F) -> Stream<F::Output> {
        f.attach(self)
    }
}

impl<T: Record> Scattered<T> {
    /// Each record through a function of a plugin, many at once.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let inc = pool.load("inc.wasm").await?.function::<i64, i64>("inc")?;
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).map(&inc).buffer(8).gather().sink(sink);
    /// for x in 0..3 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn map<U: Record>(self, function: &Function<T, U>) -> Scattered<U> {
        self.stage(function, Some(Kind::Map))
    }

    /// Records through a function of whatever kind, as long as it is no sink.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let words = pool.load("words.wasm").await?.function::<String, String>("words")?;
    /// let source = Source::new();
    /// let (sink, list) = sinks::list();
    /// source.stream().scatter(&pool).apply(&words).buffer(8).gather().sink(sink);
    /// source.emit("so it goes".to_owned()).await?;
    /// source.close().await?;
    /// assert_eq!(list.take(), ["so", "it", "goes"]);
    /// # Ok(()) }
    /// ```
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

    fn attach(mut self, stream: Stream<T>) -> Stream<U> {
        stream.unary("map", move |element| Some(self(element)))
    }
}

impl<T: Record, U: Record> Map<T> for &Function<T, U> {
    type Output = U;

    fn attach(self, stream: Stream<T>) -> Stream<U> {
        FunctionNode::attach(stream, self, Some(Kind::Map))
    }
}
