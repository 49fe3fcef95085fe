//! `timed_window`: what came in each interval.

use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::group::{All, Different, Group};
use super::partition_unique::Keep;
use crate::graph::{Operator, Outputs, Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::{Json, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// What came in each interval, also nothing. The first one begins with the first element; the last one
    /// comes at the end, unless nothing came in it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::sleep;
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, second) = (Source::new(), Duration::from_secs(1));
    /// let (sink, windows) = sinks::list();
    /// source.stream().timed_window(second).sink(sink);
    /// source.emit(1).await?;
    /// source.emit(2).await?;
    /// sleep(second * 5 / 2).await;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!(windows.take(), [vec![1, 2], vec![], vec![3]]);
    /// # Ok(()) }
    /// ```
    pub fn timed_window(self, interval: Duration) -> Stream<Vec<T>> {
        self.timed_window_bounded(interval, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn timed_window_bounded(self, interval: Duration, bounds: Bounds<T>) -> Stream<Vec<T>> {
        let (room, guard) = bounds.parts();
        let (clock, window) = (Clock::new(interval), All::new(room));
        let window = TimedWindow { clock, window, elements: PhantomData, name: "TimedWindow" };
        Stream { apart: true, ..self.through_node(window, guard).0 }
    }

    /// The same without elements whose key came in the interval before.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::sleep;
    /// use std::time::Duration;
    ///
    /// use engine::operators::Keep;
    /// use engine::{Source, sinks};
    ///
    /// let (source, second) = (Source::new(), Duration::from_secs(1));
    /// let (sink, windows) = sinks::list();
    /// source.stream().timed_window_unique(second, |x: &i64| x % 2, Keep::Last).sink(sink);
    /// for x in [1, 2, 3] {
    ///     source.emit(x).await?;
    /// }
    /// sleep(second * 3 / 2).await;
    /// source.emit(5).await?;
    /// source.close().await?;
    /// assert_eq!(windows.take(), [vec![2, 3], vec![5]]);
    /// # Ok(()) }
    /// ```
    pub fn timed_window_unique<K>(
        self,
        interval: Duration,
        key: impl FnMut(&T) -> K + Send + 'static,
        keep: Keep,
    ) -> Stream<Vec<T>>
    where
        K: Eq + Hash + Send + 'static,
    {
        self.timed_window_unique_bounded(interval, key, keep, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn timed_window_unique_bounded<K>(
        self,
        interval: Duration,
        key: impl FnMut(&T) -> K + Send + 'static,
        keep: Keep,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>>
    where
        K: Eq + Hash + Send + 'static,
    {
        let (room, guard) = bounds.parts();
        let (clock, window) = (Clock::new(interval), Different::new(key, keep, room));
        let window = TimedWindow { clock, window, elements: PhantomData, name: "TimedWindowUnique" };
        Stream { apart: true, ..self.through_node(window, guard).0 }
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// The results that came in each interval, also none, as JSON arrays.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use std::time::Duration;
    /// # use engine::{Json, Pool, Source, sinks};
    /// # use tokio::time::sleep;
    /// let (pool, source, second) = (Pool::new()?, Source::new(), Duration::from_secs(1));
    /// let (sink, windows) = sinks::list();
    /// source.stream().scatter(&pool).timed_window(second).buffer(8).gather().sink(sink);
    /// source.emit(1).await?;
    /// source.emit(2).await?;
    /// sleep(second * 3 / 2).await;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!(windows.take(), [Json(vec![1, 2]), Json(vec![3])]);
    /// # Ok(()) }
    /// ```
    pub fn timed_window(self, interval: Duration) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.timed_window(interval).map(Json))
    }
}

/// Intervals one after another.
pub(super) struct Clock {
    interval: Duration,
    /// When the current one ends.
    pub(super) end: Option<Instant>,
}

impl Clock {
    pub(super) fn new(interval: Duration) -> Self {
        // Without a length it would never let other tasks run.
        Self { interval: interval.max(Duration::from_millis(1)), end: None }
    }

    pub(super) fn start(&mut self) {
        self.end.get_or_insert_with(|| Instant::now() + self.interval);
    }

    /// The current one is over. If the task wakes too late, the intervals that it missed are left out.
    pub(super) fn next(&mut self) {
        let now = Instant::now();
        self.end = self.end.map(|end| {
            let next = end + self.interval;
            if next > now { next } else { now + self.interval }
        });
    }
}

struct TimedWindow<G, T> {
    clock: Clock,
    window: G,
    elements: PhantomData<fn(T)>,
    /// What it is called in faults.
    name: &'static str,
}

impl<T: 'static, G: Group<T>> Save for TimedWindow<G, T> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.moments(self.clock.end);
        self.window.save(saver)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.clock.end = restorer.moments()?.pop();
        self.window.restore(restorer)
    }
}

impl<T: Clone + Send + 'static, G: Group<T>> Operator<T> for TimedWindow<G, T> {
    type Output = Vec<T>;

    fn take(&mut self, element: T, _: &mut Outputs<Vec<T>>) -> Result<(), String> {
        self.clock.start();
        self.window.put(element)
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
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

    fn name(&self) -> &str {
        self.name
    }
}
