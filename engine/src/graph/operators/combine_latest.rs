//! `combine_latest`, `zip_latest`: elements with the latest of another stream.

use std::collections::VecDeque;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::graph::binary::{BinaryOperator, Side};
use crate::graph::{Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::{Json, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The latest of both streams whenever one of them brings an element, once both have.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let (prices, rates) = (Source::new(), Source::new());
    /// let (sink, euros) = sinks::list();
    /// let both = prices.stream().combine_latest(rates.stream());
    /// both.starmap(|price: f64, rate: f64| price * rate).sink(sink);
    /// prices.emit(10.0).await?;
    /// rates.emit(0.5).await?;
    /// prices.emit(20.0).await?;
    /// rates.emit(0.75).await?;
    /// prices.close().await?;
    /// rates.close().await?;
    /// assert_eq!(euros.take(), [5.0, 10.0, 15.0]);
    /// # Ok(()) }
    /// ```
    pub fn combine_latest<U: Clone + Send + 'static>(self, other: Stream<U>) -> Stream<(T, U)> {
        self.binary(other, CombineLatest { first: None, second: None, on: None })
    }

    /// The same, but only elements of one side make something come out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::operators::Side;
    /// use engine::{Source, sinks};
    ///
    /// let (prices, rates) = (Source::new(), Source::new());
    /// let (sink, pairs) = sinks::list();
    /// prices.stream().combine_latest_on(rates.stream(), Side::First).sink(sink);
    /// prices.emit(10).await?;
    /// rates.emit('a').await?;
    /// rates.emit('b').await?;
    /// prices.emit(20).await?;
    /// # prices.close().await?;
    /// # rates.close().await?;
    /// assert_eq!(pairs.take(), [(20, 'b')]);
    /// # Ok(()) }
    /// ```
    pub fn combine_latest_on<U: Clone + Send + 'static>(self, other: Stream<U>, on: Side) -> Stream<(T, U)> {
        self.binary(other, CombineLatest { first: None, second: None, on: Some(on) })
    }

    /// Every element with the latest of the other stream. Those that come before it has brought one wait
    /// for it: up to 65,536, the next one outside.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let (prices, rates) = (Source::new(), Source::new());
    /// let (sink, pairs) = sinks::list();
    /// prices.stream().zip_latest(rates.stream()).sink(sink);
    /// prices.emit(10).await?;
    /// rates.emit('a').await?;
    /// rates.emit('b').await?;
    /// prices.emit(20).await?;
    /// # prices.close().await?;
    /// # rates.close().await?;
    /// assert_eq!(pairs.take(), [(10, 'a'), (20, 'b')]);
    /// # Ok(()) }
    /// ```
    pub fn zip_latest<U: Clone + Send + 'static>(self, other: Stream<U>) -> Stream<(T, U)> {
        self.binary(other, ZipLatest { waiting: VecDeque::new(), latest: None, hopeless: false })
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Each result with the latest one of the other.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let (pool, (prices, rates)) = (Pool::new()?, (Source::new(), Source::new()));
    /// let (sink, pairs) = sinks::list();
    /// prices.stream().scatter(&pool).combine_latest(rates.stream().scatter(&pool)).gather().sink(sink);
    /// prices.emit(10).await?;
    /// rates.emit(2).await?;
    /// prices.emit(20).await?;
    /// prices.close().await?;
    /// rates.close().await?;
    /// assert_eq!(pairs.take(), [Json((10, 2)), Json((20, 2))]);
    /// # Ok(()) }
    /// ```
    pub fn combine_latest<U>(self, other: Scattered<U>) -> Scattered<Json<(T, U)>>
    where
        U: Record + Serialize + DeserializeOwned,
    {
        self.in_order_with(other, |one, other| one.combine_latest(other).map(Json))
    }
}

struct CombineLatest<A, B> {
    first: Option<A>,
    second: Option<B>,
    on: Option<Side>,
}

impl<A: Clone, B: Clone> CombineLatest<A, B> {
    fn give(&self, side: Side, outputs: &mut VecDeque<(A, B)>) {
        if self.on.is_none_or(|on| on == side) {
            outputs.extend(self.first.clone().zip(self.second.clone()));
        }
    }
}

impl<A: 'static, B: 'static> Save for CombineLatest<A, B> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(&self.first)?;
        saver.values(&self.second)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        (self.first, self.second) = (restorer.values()?.pop(), restorer.values()?.pop());
        Ok(())
    }
}

impl<A: Clone + Send + 'static, B: Clone + Send + 'static> BinaryOperator<A, B> for CombineLatest<A, B> {
    type Output = (A, B);

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn name(&self) -> &str {
        "combine_latest"
    }

    fn first(&mut self, element: A, outputs: &mut VecDeque<(A, B)>) {
        self.first = Some(element);
        self.give(Side::First, outputs);
    }

    fn second(&mut self, element: B, outputs: &mut VecDeque<(A, B)>) {
        self.second = Some(element);
        self.give(Side::Second, outputs);
    }
}

/// How many elements wait for the other stream's first one.
const WAITING: usize = 65_536;

struct ZipLatest<A, B> {
    waiting: VecDeque<A>,
    latest: Option<B>,
    /// The other stream has ended without any element.
    hopeless: bool,
}

impl<A: 'static, B: 'static> Save for ZipLatest<A, B> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.number(u64::from(self.hopeless));
        saver.values(&self.waiting)?;
        saver.values(&self.latest)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.hopeless = restorer.number()? > 0;
        (self.waiting, self.latest) = (restorer.values()?.into(), restorer.values()?.pop());
        Ok(())
    }
}

impl<A: Clone + Send + 'static, B: Clone + Send + 'static> BinaryOperator<A, B> for ZipLatest<A, B> {
    type Output = (A, B);

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn name(&self) -> &str {
        "zip_latest"
    }

    fn first(&mut self, element: A, outputs: &mut VecDeque<(A, B)>) {
        match &self.latest {
            Some(latest) => outputs.push_back((element, latest.clone())),
            None if self.hopeless => {}
            None => self.waiting.push_back(element),
        }
    }

    fn second(&mut self, element: B, outputs: &mut VecDeque<(A, B)>) {
        outputs.extend(self.waiting.drain(..).map(|waiting| (waiting, element.clone())));
        self.latest = Some(element);
    }

    fn has_room(&self, side: Side) -> bool {
        side == Side::Second || self.waiting.len() < WAITING
    }

    fn end(&mut self, side: Side) {
        if side == Side::Second && self.latest.is_none() {
            self.hopeless = true;
            self.waiting.clear();
        }
    }

    fn holds_back(&self) -> bool {
        !self.waiting.is_empty()
    }
}
