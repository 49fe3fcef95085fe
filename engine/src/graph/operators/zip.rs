//! `zip`: two streams in lock step.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::graph::binary::{BinaryOperator, Side};
use crate::graph::{Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::{Json, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Pairs of the first elements of both streams, of the second ones, and so on. A side that is ten
    /// elements ahead waits for the other one; what finds no partner until the end is dropped.
    ///
    /// A side that is ahead of a branch of the same source would wait for ever if that branch leaves elements
    /// out: after a second in which no task could move, the run ends with [`GraphError::Deadlock`](crate::error::GraphError::Deadlock). Give
    /// it room with [`zip_ahead`](Self::zip_ahead), or put a [`buffer`](Self::buffer) before it. In a graph of
    /// several sources it waits, since another source may go on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let (names, ages) = (Source::new(), Source::new());
    /// let (sink, people) = sinks::list();
    /// names.stream().zip(ages.stream()).sink(sink);
    /// names.emit("Ada").await?;
    /// names.emit("Bo").await?;
    /// ages.emit(36).await?;
    /// ages.emit(7).await?;
    /// names.close().await?;
    /// ages.close().await?;
    /// assert_eq!(people.take(), [("Ada", 36), ("Bo", 7)]);
    /// # Ok(()) }
    /// ```
    pub fn zip<U: Clone + Send + 'static>(self, other: Stream<U>) -> Stream<(T, U)> {
        self.zip_ahead(other, 10)
    }

    /// Zips two streams as [`zip`](Self::zip) does, with a limit on how many elements a side may be ahead: at least 1.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, pairs) = sinks::list();
    /// let numbers = source.stream();
    /// // Fifteen numbers wait until the other branch has one, which comes after the sixteenth.
    /// numbers.branch().zip_ahead(numbers.slice(15..), 16).sink(sink);
    /// for x in 0..18 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [(0, 15), (1, 16), (2, 17)]);
    /// # Ok(()) }
    /// ```
    pub fn zip_ahead<U: Clone + Send + 'static>(self, other: Stream<U>, most: usize) -> Stream<(T, U)> {
        self.zip_as("zip".into(), other, most)
    }

    /// The same with a name for errors.
    pub(crate) fn zip_as<U>(self, name: Arc<str>, other: Stream<U>, most: usize) -> Stream<(T, U)>
    where
        U: Clone + Send + 'static,
    {
        let (first, second) = (VecDeque::new(), VecDeque::new());
        self.binary(other, Zip { name, first, second, most: most.max(1), ended: [false; 2] })
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Pairs of one result of each, in lock step.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let (pool, one, other) = (Pool::new()?, Source::new(), Source::new());
    /// let (sink, pairs) = sinks::list();
    /// one.stream().scatter(&pool).zip(other.stream().scatter(&pool)).gather().sink(sink);
    /// one.emit(1).await?;
    /// one.emit(2).await?;
    /// other.emit(10).await?;
    /// other.emit(20).await?;
    /// one.close().await?;
    /// other.close().await?;
    /// assert_eq!(pairs.take(), [Json((1, 10)), Json((2, 20))]);
    /// # Ok(()) }
    /// ```
    pub fn zip<U>(self, other: Scattered<U>) -> Scattered<Json<(T, U)>>
    where
        U: Record + Serialize + DeserializeOwned,
    {
        self.in_order_with(other, |one, other| one.zip(other).map(Json))
    }
}

struct Zip<A, B> {
    name: Arc<str>,
    /// Elements that wait for a partner.
    first: VecDeque<A>,
    second: VecDeque<B>,
    most: usize,
    /// Of each side.
    ended: [bool; 2],
}

impl<A, B> Zip<A, B> {
    fn pair(&mut self, outputs: &mut VecDeque<(A, B)>) {
        while !self.first.is_empty() && !self.second.is_empty() {
            outputs.extend(self.first.pop_front().zip(self.second.pop_front()));
        }
        // Elements that will have no partner any more.
        if self.ended[Side::First as usize] && self.first.is_empty() {
            self.second.clear();
        }
        if self.ended[Side::Second as usize] && self.second.is_empty() {
            self.first.clear();
        }
    }
}

impl<A: 'static, B: 'static> Save for Zip<A, B> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        self.ended.iter().for_each(|ended| saver.number(u64::from(*ended)));
        saver.values(&self.first)?;
        saver.values(&self.second)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.ended = [restorer.number()? > 0, restorer.number()? > 0];
        (self.first, self.second) = (restorer.values()?.into(), restorer.values()?.into());
        Ok(())
    }
}

impl<A: Clone + Send + 'static, B: Clone + Send + 'static> BinaryOperator<A, B> for Zip<A, B> {
    type Output = (A, B);

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn first(&mut self, element: A, outputs: &mut VecDeque<(A, B)>) {
        self.first.push_back(element);
        self.pair(outputs);
    }

    fn second(&mut self, element: B, outputs: &mut VecDeque<(A, B)>) {
        self.second.push_back(element);
        self.pair(outputs);
    }

    fn has_room(&self, side: Side) -> bool {
        let waiting = match side {
            Side::First => self.first.len(),
            Side::Second => self.second.len(),
        };
        waiting < self.most
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn end(&mut self, side: Side) {
        self.ended[side as usize] = true;
        self.pair(&mut VecDeque::new());
    }

    fn holds_back(&self) -> bool {
        !self.first.is_empty() || !self.second.is_empty()
    }
}
