//! `timed_window`: what came in each interval.

use std::hash::Hash;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::partition_unique::{Keep, UniqueGroup};
use crate::record::{Json, Record};
use crate::stream::{Operator, Outputs, Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// What came in each interval, also nothing. The first one begins with the first element; the last one
    /// comes at the end, unless nothing came in it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let source = engine::Source::new();
    /// let rates = source.stream().timed_window(Duration::from_secs(1)).map(|window: Vec<String>| window.len());
    /// rates.sink(|rate: usize| println!("{rate} lines a second"));
    /// ```
    pub fn timed_window(self, interval: Duration) -> Stream<Vec<T>> {
        self.through(TimedWindow { clock: Clock::new(interval), window: Vec::new() })
    }

    /// The same without elements whose key came in the interval before.
    pub fn timed_window_unique<K>(
        self,
        interval: Duration,
        key: impl FnMut(&T) -> K + Send + 'static,
        keep: Keep,
    ) -> Stream<Vec<T>>
    where
        K: Eq + Hash + Send + 'static,
    {
        self.through(TimedWindowUnique { clock: Clock::new(interval), key, window: UniqueGroup::new(keep) })
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// The results that came in each interval, also none, as JSON arrays.
    pub fn timed_window(self, interval: Duration) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.timed_window(interval).map(Json))
    }
}

/// Intervals one after another.
struct Clock {
    interval: Duration,
    /// When the current one ends.
    end: Option<Instant>,
}

impl Clock {
    fn new(interval: Duration) -> Self {
        // Without any length it would never let anybody else do anything.
        Self { interval: interval.max(Duration::from_millis(1)), end: None }
    }

    fn start(&mut self) {
        self.end.get_or_insert_with(|| Instant::now() + self.interval);
    }

    /// The current one is over. Who wakes too late has missed some: those are not made up for.
    fn next(&mut self) {
        let now = Instant::now();
        self.end = self.end.map(|end| {
            let next = end + self.interval;
            if next > now { next } else { now + self.interval }
        });
    }
}

struct TimedWindow<T> {
    clock: Clock,
    window: Vec<T>,
}

impl<T: Clone + Send + 'static> Operator<T> for TimedWindow<T> {
    type Output = Vec<T>;

    fn take(&mut self, element: T, _: &mut Outputs<Vec<T>>) -> Result<(), String> {
        self.clock.start();
        self.window.push(element);
        Ok(())
    }

    fn end(&mut self, outputs: &mut Outputs<Vec<T>>) {
        if !self.window.is_empty() {
            outputs.give(std::mem::take(&mut self.window));
        }
    }

    fn alarm(&self) -> Option<Instant> {
        self.clock.end
    }

    fn wake(&mut self, outputs: &mut Outputs<Vec<T>>) {
        self.clock.next();
        outputs.give(std::mem::take(&mut self.window));
    }

    fn holds_back(&self) -> bool {
        !self.window.is_empty()
    }
}

struct TimedWindowUnique<T, K, F> {
    clock: Clock,
    key: F,
    window: UniqueGroup<K, T>,
}

impl<T, K, F> Operator<T> for TimedWindowUnique<T, K, F>
where
    T: Clone + Send + 'static,
    K: Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    type Output = Vec<T>;

    fn take(&mut self, element: T, _: &mut Outputs<Vec<T>>) -> Result<(), String> {
        self.clock.start();
        self.window.put((self.key)(&element), element);
        Ok(())
    }

    fn end(&mut self, outputs: &mut Outputs<Vec<T>>) {
        if self.window.len() > 0 {
            outputs.give(self.window.take());
        }
    }

    fn alarm(&self) -> Option<Instant> {
        self.clock.end
    }

    fn wake(&mut self, outputs: &mut Outputs<Vec<T>>) {
        self.clock.next();
        outputs.give(self.window.take());
    }

    fn holds_back(&self) -> bool {
        self.window.len() > 0
    }
}
