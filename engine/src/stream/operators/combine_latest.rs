//! `combine_latest`, `zip_latest`: elements with the latest of another stream.

use std::collections::VecDeque;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{Json, Record};
use crate::stream::joint::{Join, Side};
use crate::stream::{Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The latest of both streams whenever one of them brings an element, once both have.
    ///
    /// ```
    /// let (prices, rates) = (engine::Source::<f64>::new(), engine::Source::<f64>::new());
    /// let euros = prices.stream().combine_latest(rates.stream()).starmap(|price: f64, rate: f64| price * rate);
    /// euros.sink(|price: f64| println!("{price}"));
    /// ```
    pub fn combine_latest<U: Clone + Send + 'static>(self, other: Stream<U>) -> Stream<(T, U)> {
        self.join(other, CombineLatest { first: None, second: None, on: None })
    }

    /// The same, but only elements of one side make something come out.
    pub fn combine_latest_on<U: Clone + Send + 'static>(self, other: Stream<U>, on: Side) -> Stream<(T, U)> {
        self.join(other, CombineLatest { first: None, second: None, on: Some(on) })
    }

    /// Every element with the latest of the other stream. Those that come before it has brought one wait
    /// for it: up to 65,536, the next one outside.
    pub fn zip_latest<U: Clone + Send + 'static>(self, other: Stream<U>) -> Stream<(T, U)> {
        self.join(other, ZipLatest { waiting: VecDeque::new(), latest: None, hopeless: false })
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Each result with the latest one of the other.
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

impl<A: Clone + Send + 'static, B: Clone + Send + 'static> Join<A, B> for CombineLatest<A, B> {
    type Output = (A, B);

    fn first(&mut self, element: A, outputs: &mut VecDeque<(A, B)>) {
        self.first = Some(element);
        self.give(Side::First, outputs);
    }

    fn second(&mut self, element: B, outputs: &mut VecDeque<(A, B)>) {
        self.second = Some(element);
        self.give(Side::Second, outputs);
    }
}

/// So many elements wait for the other stream's first one.
const WAITING: usize = 65_536;

struct ZipLatest<A, B> {
    waiting: VecDeque<A>,
    latest: Option<B>,
    /// The other stream has ended without any element.
    hopeless: bool,
}

impl<A: Clone + Send + 'static, B: Clone + Send + 'static> Join<A, B> for ZipLatest<A, B> {
    type Output = (A, B);

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
