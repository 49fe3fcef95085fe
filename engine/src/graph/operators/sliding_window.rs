//! `sliding_window`: each element with those before it.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounds::{Bounds, Room};
use crate::graph::{Operator, Outputs, Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::{Json, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The last `n` elements with each element, once there are `n`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, three) = (Source::new(), NonZeroUsize::new(3).unwrap());
    /// let (sink, means) = sinks::list();
    /// let windows = source.stream().sliding_window(three);
    /// windows.map(|window: Vec<f64>| window.iter().sum::<f64>() / 3.0).sink(sink);
    /// for x in [1.0, 2.0, 3.0, 7.0] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(means.take(), [2.0, 4.0]);
    /// # Ok(()) }
    /// ```
    pub fn sliding_window(self, n: NonZeroUsize) -> Stream<Vec<T>> {
        self.sliding_window_bounded(n, false, Bounds::none())
    }

    /// The same, and at the beginning windows of fewer elements: 1, 2 and so on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, two) = (Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, windows) = sinks::list();
    /// source.stream().sliding_window_partial(two).sink(sink);
    /// for x in 0..3 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(windows.take(), [vec![0], vec![0, 1], vec![1, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn sliding_window_partial(self, n: NonZeroUsize) -> Stream<Vec<T>> {
        self.sliding_window_bounded(n, true, Bounds::none())
    }

    /// Either of both, for elements whose bytes are limited together.
    pub(crate) fn sliding_window_bounded(
        self,
        n: NonZeroUsize,
        partial: bool,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>> {
        let (room, guard) = bounds.parts();
        self.through_node(SlidingWindow { window: VecDeque::new(), n, partial, room, taken: 0 }, guard).0
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Each result with those before it, `n` together, as JSON arrays.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let (pool, source, two) = (Pool::new()?, Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, windows) = sinks::list();
    /// source.stream().scatter(&pool).sliding_window(two).buffer(8).gather().sink(sink);
    /// for x in 0..4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(windows.take(), [[0, 1], [1, 2], [2, 3]].map(|window| Json(window.to_vec())));
    /// # Ok(()) }
    /// ```
    pub fn sliding_window(self, n: NonZeroUsize) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.sliding_window(n).map(Json))
    }
}

struct SlidingWindow<T> {
    window: VecDeque<T>,
    n: NonZeroUsize,
    partial: bool,
    room: Room<T>,
    /// What the window takes.
    taken: usize,
}

impl<T: 'static> Save for SlidingWindow<T> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(&self.window)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.window = restorer.values()?.into();
        self.taken = self.window.iter().map(|element| self.room.weigh(element)).sum();
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Operator<T> for SlidingWindow<T> {
    type Output = Vec<T>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<T>>) -> Result<(), String> {
        let leaves = self.window.front().filter(|_| self.window.len() == self.n.get());
        let stays = self.taken - leaves.map_or(0, |first| self.room.weigh(first));
        self.taken = self.room.with(stays, &element)?;
        if self.window.len() == self.n.get() {
            self.window.pop_front();
        }
        self.window.push_back(element);
        if self.partial || self.window.len() == self.n.get() {
            outputs.give(self.window.iter().cloned().collect());
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn holds_back(&self) -> bool {
        // The first ones are in no window yet.
        !self.partial && self.window.len() < self.n.get() && !self.window.is_empty()
    }
}
