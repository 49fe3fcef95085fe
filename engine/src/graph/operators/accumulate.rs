//! `accumulate`, `accumulate_by`: a running state, by a closure or by a plugin's function.

use super::{AccumulateNode, ByKey, Key};
use crate::Function;
use crate::graph::{Operator, Outputs, Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::Record;

/// What [`Stream::accumulate`] takes: a closure, or a function of a plugin that accumulates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't accumulate elements of `{T}`",
    label = "neither a closure over two `{T}` nor a function of a plugin that takes `{T}`",
    note = "write `|state: {T}, x: {T}| …`, or load the function as `plugin.function::<{T}, _>(\"name\")?`"
)]
pub trait Accumulate<T> {
    /// What it gives.
    type Output: Clone + Send + 'static;

    #[doc(hidden)]
    fn attach(self, stream: Stream<T>) -> Stream<Self::Output>;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// A running state, by a closure or by a function of a plugin.
    ///
    /// With a closure, the first element is the state, and comes out as it is; each later one is put to it,
    /// and the new state comes out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::sync::{Arc, Mutex};
    /// # let seen = Arc::new(Mutex::new(Vec::new()));
    /// # let list = seen.clone();
    /// let source = engine::Source::new();
    /// source.stream().accumulate(|sum: i64, x: i64| sum + x).sink(move |sum: i64| list.lock().unwrap().push(sum));
    /// for x in [1, 2, 3] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(*seen.lock().unwrap(), [1, 3, 6]);
    /// # Ok(()) }
    /// ```
    ///
    /// A function of a plugin keeps its state in one instance, which takes the records in order. The state
    /// outlives the instance: it is taken out now and then, and given to another one with the records since.
    /// Where a record fails, the state is afterwards as if it had never come.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let pool = Pool::new()?;
    /// let count = pool.load("count.wasm").await?.function::<String, u64>("count")?;
    /// let source = Source::new();
    /// let (sink, counts) = sinks::list();
    /// source.stream().accumulate(&count).sink(sink);
    /// for word in ["so", "it", "goes"] {
    ///     source.emit(word.to_owned()).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(counts.take(), [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn accumulate<F: Accumulate<T>>(self, f: F) -> Stream<F::Output> {
        f.attach(self)
    }
}

impl<T: Record> Stream<T> {
    /// A function of a plugin with a state for each key, which `key` tells of each record: a closure, or a
    /// [`Part`](crate::graph::Part) of a record that is JSON. A record without its key is a fault.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// use engine::operators::Part;
    /// use engine::{Pool, Source, sinks};
    ///
    /// let pool = Pool::new()?;
    /// let count = pool.load("count.wasm").await?.function::<String, u64>("count")?;
    /// let (source, (by_user, users), (by_length, lengths)) = (Source::new(), sinks::list(), sinks::list());
    /// let lines = source.stream();
    /// lines.branch().accumulate_by(Part::from("user"), &count).sink(by_user);
    /// lines.accumulate_by(|line: &String| line.len() as u64, &count).sink(by_length);
    /// for user in ["ann", "bob", "ann"] {
    ///     source.emit(format!(r#"{{"user":"{user}"}}"#)).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!((users.take(), lengths.take()), (vec![1, 1, 2], vec![1, 2, 3]));
    /// # Ok(()) }
    /// ```
    pub fn accumulate_by<U: Record>(self, key: impl Key<T>, function: &Function<T, U>) -> Stream<U> {
        self.accumulate_among(key, function, 1)
    }

    fn accumulate_among<U: Record>(
        self,
        key: impl Key<T>,
        function: &Function<T, U>,
        instances: usize,
    ) -> Stream<U> {
        let write = Box::new(move |record: &[u8], out: &mut Vec<u8>| key.write(record, out));
        AccumulateNode::attach(self, function, Some(ByKey { write, instances }))
    }
}

impl<T: Record> Scattered<T> {
    /// A function of a plugin with a state: it takes the results one after another, in the order of emission.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let sum = pool.load("sum.wasm").await?.function::<i64, i64>("sum")?;
    /// let source = Source::new();
    /// let (sink, sums) = sinks::list();
    /// source.stream().scatter(&pool).accumulate(&sum).buffer(8).gather().sink(sink);
    /// for x in 1..=4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(sums.take(), [1, 3, 6, 10]);
    /// # Ok(()) }
    /// ```
    pub fn accumulate<U: Record>(self, function: &Function<T, U>) -> Scattered<U> {
        self.in_order(|stream| stream.accumulate(function))
    }

    /// The same with a state for each key. Keys run side by side, on as many instances as the pool has threads;
    /// the records of one key come one after another, and results in the order of emission.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let sum = pool.load("sum.wasm").await?.function::<i64, i64>("sum")?;
    /// let source = Source::new();
    /// let (sink, sums) = sinks::list();
    /// source.stream().scatter(&pool).accumulate_by(|x: &i64| x % 2, &sum).buffer(8).gather().sink(sink);
    /// for x in 1..=4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(sums.take(), [1, 2, 4, 6]);
    /// # Ok(()) }
    /// ```
    pub fn accumulate_by<U: Record>(self, key: impl Key<T>, function: &Function<T, U>) -> Scattered<U> {
        let instances = self.pool.threads();
        self.in_order(|stream| stream.accumulate_among(key, function, instances))
    }
}

impl<T, F> Accumulate<T> for F
where
    T: Clone + Send + 'static,
    F: FnMut(T, T) -> T + Send + 'static,
{
    type Output = T;

    fn attach(self, stream: Stream<T>) -> Stream<T> {
        stream.through(Running { state: None, f: self })
    }
}

impl<T: Record, U: Record> Accumulate<T> for &Function<T, U> {
    type Output = U;

    fn attach(self, stream: Stream<T>) -> Stream<U> {
        AccumulateNode::attach(stream, self, None)
    }
}

struct Running<T, F> {
    state: Option<T>,
    f: F,
}

impl<T: 'static, F> Save for Running<T, F> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(&self.state)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.state = restorer.values()?.pop();
        Ok(())
    }
}

impl<T, F> Operator<T> for Running<T, F>
where
    T: Clone + Send + 'static,
    F: FnMut(T, T) -> T + Send + 'static,
{
    type Output = T;

    fn take(&mut self, element: T, outputs: &mut Outputs<T>) -> Result<(), String> {
        let state = match self.state.take() {
            Some(state) => (self.f)(state, element),
            None => element,
        };
        self.state = Some(state.clone());
        outputs.give(state);
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}
