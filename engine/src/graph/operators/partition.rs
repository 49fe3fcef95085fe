//! `partition`: elements in groups of a size.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::bounds::{Bounds, Room};
use crate::graph::{Operator, Outputs, Scattered, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};
use crate::record::{Json, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Groups of `n` elements that follow one another. What is left at the end is a smaller group.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::sync::{Arc, Mutex};
    /// # let seen = Arc::new(Mutex::new(Vec::new()));
    /// # let list = seen.clone();
    /// use std::num::NonZeroUsize;
    ///
    /// let source = engine::Source::new();
    /// let pairs = source.stream().partition(NonZeroUsize::new(2).unwrap());
    /// pairs.sink(move |pair: Vec<i64>| list.lock().unwrap().push(pair));
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(*seen.lock().unwrap(), [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok(()) }
    /// ```
    pub fn partition(self, n: NonZeroUsize) -> Stream<Vec<T>> {
        self.partition_with(n, None, |_| ())
    }

    /// The same for each key: a group has elements of one. At the end come those that are left, the one
    /// that was begun first before the others.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, pairs) = sinks::list();
    /// source.stream().partition_by(NonZeroUsize::new(2).unwrap(), |x: &i64| x % 2).sink(sink);
    /// for x in 0..10 {
    ///     source.emit(x).await?;
    /// }
    /// assert_eq!(pairs.take(), [[0, 2], [1, 3], [4, 6], [5, 7]]);
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [[8], [9]]);
    /// # Ok(()) }
    /// ```
    pub fn partition_by<K>(self, n: NonZeroUsize, key: impl FnMut(&T) -> K + Send + 'static) -> Stream<Vec<T>>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        self.partition_with(n, None, key)
    }

    /// The same, but no group waits for longer than `timeout` after its first element: it comes out smaller.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::sleep;
    /// use std::num::NonZeroUsize;
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (source, two) = (Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, groups) = sinks::list();
    /// source.stream().partition_within(two, Duration::from_secs(1)).sink(sink);
    /// source.emit(1).await?;
    /// sleep(Duration::from_secs(2)).await;
    /// source.emit(2).await?;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!(groups.take(), [vec![1], vec![2, 3]]);
    /// # Ok(()) }
    /// ```
    pub fn partition_within(self, n: NonZeroUsize, timeout: Duration) -> Stream<Vec<T>> {
        self.partition_with(n, Some(timeout), |_| ())
    }

    /// All of these: a key, and a timeout for each group if there is one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use std::num::NonZeroUsize;
    /// # use std::time::Duration;
    /// # use engine::{Source, sinks};
    /// # use tokio::time::sleep;
    /// let (source, two, second) = (Source::new(), NonZeroUsize::new(2).unwrap(), Duration::from_secs(1));
    /// let (sink, groups) = sinks::list();
    /// source.stream().partition_with(two, Some(second), |x: &i64| x % 2).sink(sink);
    /// for x in [1, 2, 3] {
    ///     source.emit(x).await?;
    /// }
    /// sleep(2 * second).await;
    /// source.emit(4).await?;
    /// source.close().await?;
    /// assert_eq!(groups.take(), [vec![1, 3], vec![2], vec![4]]);
    /// # Ok(()) }
    /// ```
    pub fn partition_with<K>(
        self,
        n: NonZeroUsize,
        timeout: Option<Duration>,
        key: impl FnMut(&T) -> K + Send + 'static,
    ) -> Stream<Vec<T>>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        self.partition_bounded(n, timeout, key, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn partition_bounded<K>(
        self,
        n: NonZeroUsize,
        timeout: Option<Duration>,
        key: impl FnMut(&T) -> K + Send + 'static,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        let apart = self.apart || timeout.is_some();
        let (room, guard) = bounds.parts();
        let (groups, due) = (HashMap::new(), BTreeMap::new());
        let partition = Partition { n, timeout, key, room, groups, due, begun: 0 };
        let (groups, _) = self.through_node(partition, guard);
        Stream { apart, ..groups }
    }
}

impl<T: Record + Serialize + DeserializeOwned> Scattered<T> {
    /// Groups of `n` results that follow one another, as JSON arrays.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Json, Pool, Source, sinks};
    ///
    /// let (pool, source, two) = (Pool::new()?, Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, pairs) = sinks::list();
    /// source.stream().scatter(&pool).partition(two).buffer(8).gather().sink(sink);
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [Json(vec![0, 1]), Json(vec![2, 3]), Json(vec![4])]);
    /// # Ok(()) }
    /// ```
    pub fn partition(self, n: NonZeroUsize) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.partition(n).map(Json))
    }

    /// The same for each key.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::num::NonZeroUsize;
    /// # use engine::{Json, Pool, Source, sinks};
    /// let (pool, source, two) = (Pool::new()?, Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, pairs) = sinks::list();
    /// source.stream().scatter(&pool).partition_by(two, |x: &i64| x % 2).buffer(8).gather().sink(sink);
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [Json(vec![0, 2]), Json(vec![1, 3]), Json(vec![4])]);
    /// # Ok(()) }
    /// ```
    pub fn partition_by<K>(
        self,
        n: NonZeroUsize,
        key: impl FnMut(&T) -> K + Send + 'static,
    ) -> Scattered<Json<Vec<T>>>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        self.in_order(|stream| stream.partition_by(n, key).map(Json))
    }

    /// The same, but no group waits for longer than `timeout`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use std::num::NonZeroUsize;
    /// # use std::time::Duration;
    /// # use engine::{Json, Pool, Source, sinks};
    /// # use tokio::time::sleep;
    /// let (pool, source, two) = (Pool::new()?, Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, groups) = sinks::list();
    /// let scattered = source.stream().scatter(&pool).partition_within(two, Duration::from_secs(1));
    /// scattered.buffer(8).gather().sink(sink);
    /// source.emit(1).await?;
    /// sleep(Duration::from_secs(2)).await;
    /// source.emit(2).await?;
    /// source.close().await?;
    /// assert_eq!(groups.take(), [Json(vec![1]), Json(vec![2])]);
    /// # Ok(()) }
    /// ```
    pub fn partition_within(self, n: NonZeroUsize, timeout: Duration) -> Scattered<Json<Vec<T>>> {
        self.in_order(|stream| stream.partition_within(n, timeout).map(Json))
    }
}

struct Partition<T, K, F> {
    n: NonZeroUsize,
    timeout: Option<Duration>,
    key: F,
    room: Room<T>,
    groups: HashMap<K, Group<T>>,
    /// When groups will not wait any longer, by their places.
    due: BTreeMap<u64, Instant>,
    /// How many groups there were.
    begun: u64,
}

/// Elements of one key that wait for others.
struct Group<T> {
    elements: Vec<T>,
    /// What they take.
    taken: usize,
    /// Which of all groups it is.
    place: u64,
}

impl<T: Clone, K: Eq + Hash, F> Partition<T, K, F> {
    /// Gives the groups whose place is right, by their age.
    fn release(&mut self, is_due: impl Fn(u64) -> bool, outputs: &mut Outputs<Vec<T>>) {
        let ripe = self.groups.extract_if(|_, group| is_due(group.place));
        let mut ripe: Vec<_> = ripe.map(|(_, group)| group).collect();
        ripe.sort_by_key(|group| group.place);
        for group in ripe {
            self.due.remove(&group.place);
            outputs.give(group.elements);
        }
    }
}

impl<T, K, F> Save for Partition<T, K, F>
where
    T: Send + 'static,
    K: Clone + Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.number(self.begun);
        saver.number(self.groups.len() as u64);
        // The same state is the same bytes.
        let mut groups: Vec<_> = self.groups.values().collect();
        groups.sort_by_key(|group| group.place);
        for group in &groups {
            saver.number(group.place);
            saver.moments(self.due.get(&group.place).copied());
            saver.values(&group.elements)?;
        }
        // Nothing was said of elements yet.
        if groups.is_empty() { saver.values::<T>(&[]) } else { Ok(()) }
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        (self.groups, self.due) = (HashMap::new(), BTreeMap::new());
        self.begun = restorer.number()?;
        let groups = restorer.number()?;
        for _ in 0..groups {
            let place = restorer.number()?;
            self.due.extend(restorer.moments()?.pop().map(|due| (place, due)));
            let elements: Vec<T> = restorer.values()?;
            let first = elements.first().ok_or("a group of it is empty")?;
            let taken = elements.iter().map(|element| self.room.weigh(element)).sum();
            self.groups.insert((self.key)(first), Group { elements, taken, place });
        }
        if groups == 0 { restorer.values::<T>().map(drop) } else { Ok(()) }
    }
}

impl<T, K, F> Operator<T> for Partition<T, K, F>
where
    T: Clone + Send + 'static,
    K: Clone + Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    type Output = Vec<T>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<T>>) -> Result<(), String> {
        let key = (self.key)(&element);
        let held = self.groups.get(&key).map_or(0, |group| group.taken);
        let taken = self.room.with(held, &element)?;
        let mut entry = match self.groups.entry(key) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => {
                self.begun += 1;
                if let Some(timeout) = self.timeout {
                    self.due.insert(self.begun, Instant::now() + timeout);
                }
                entry.insert_entry(Group { elements: Vec::new(), taken, place: self.begun })
            }
        };
        entry.get_mut().taken = taken;
        entry.get_mut().elements.push(element);
        if entry.get().elements.len() == self.n.get() {
            let group = entry.remove();
            self.due.remove(&group.place);
            outputs.give(group.elements);
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn end(&mut self, outputs: &mut Outputs<Vec<T>>) {
        self.release(|_| true, outputs);
    }

    fn alarm(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(_, due)| *due)
    }

    fn wake(&mut self, outputs: &mut Outputs<Vec<T>>) {
        let now = Instant::now();
        // They all wait equally long: the older ones are due first.
        let last = self.due.iter().take_while(|(_, due)| **due <= now).last();
        if let Some(last) = last.map(|(place, _)| *place) {
            self.release(|place| place <= last, outputs);
        }
    }

    fn holds_back(&self) -> bool {
        !self.groups.is_empty()
    }
}
