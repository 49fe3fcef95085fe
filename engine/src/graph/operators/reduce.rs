//! `reduce_by`, `group_by`: a state for each key, which comes out at the end of the stream, or in between.

use std::hash::Hash;
use std::marker::PhantomData;

use bytesize::ByteSize;
use indexmap::IndexMap;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::reducers::{Fold, Groups, Reducer, Refusal};
use super::release::Release;
use super::timed_window::Clock;
use crate::graph::operator::Guard;
use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// A state for each key, which begins as `start`: `f` changes it with each element of the key. The keys come out
    /// with their states when `release` says, in the order in which they came first.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::operators::Release;
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, counts) = sinks::list();
    /// source.stream().reduce_by(Release::at_end(), |word: &&str| *word, 0, |count, _| *count += 1).sink(sink);
    /// for word in ["so", "it", "so"] {
    ///     source.emit(word).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(counts.take(), [("so", 2), ("it", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn reduce_by<K, S>(
        self,
        release: Release,
        key: impl FnMut(&T) -> K + Send + 'static,
        start: S,
        f: impl FnMut(&mut S, T) + Send + 'static,
    ) -> Stream<(K, S)>
    where
        K: Clone + Eq + Hash + Send + 'static,
        S: Clone + Send + 'static,
    {
        self.through(Reduce::new(Fold { key, start, f }, release))
    }

    /// All elements of each key, as [`reduce_by`](Self::reduce_by) gives states. They are kept until they come out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::operators::Release;
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, groups) = sinks::list();
    /// source.stream().group_by(Release::at_end(), |x: &i64| x % 2).sink(sink);
    /// for x in 1..=4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(groups.take(), [(1, vec![1, 3]), (0, vec![2, 4])]);
    /// # Ok(()) }
    /// ```
    pub fn group_by<K>(
        self,
        release: Release,
        key: impl FnMut(&T) -> K + Send + 'static,
    ) -> Stream<(K, Vec<T>)>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        self.reduce_by(release, key, Vec::new(), Vec::push)
    }

    /// All elements of each key, whose bytes are limited for each key and together.
    pub(crate) fn group_bounded(
        self,
        release: Release,
        key: impl FnMut(&T) -> Vec<u8> + Send + 'static,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>> {
        let (room, guard) = bounds.parts();
        let groups = self.through_node(Reduce::new(Groups { key, room }, release), guard).0;
        groups.map(|(_, (elements, _)): (Vec<u8>, (Vec<T>, usize))| elements)
    }

    /// States that may refuse elements, and whose bytes are limited.
    pub(crate) fn reduce_with<R: Reducer<T>>(
        self,
        reducer: R,
        release: Release,
        guard: Guard<T>,
    ) -> Stream<(R::Key, R::State)> {
        self.through_node(Reduce::new(reducer, release), Some(guard)).0
    }
}

struct Reduce<T, R: Reducer<T>> {
    reducer: R,
    release: Release,
    states: IndexMap<R::Key, R::State>,
    /// The bytes of all of them.
    held: usize,
    /// The elements that were taken since they came out.
    since: u64,
    clock: Option<Clock>,
    elements: PhantomData<fn(T)>,
}

impl<T, R: Reducer<T>> Reduce<T, R> {
    fn new(reducer: R, release: Release) -> Self {
        let clock = release.interval.map(Clock::new);
        Self { reducer, release, states: IndexMap::new(), held: 0, since: 0, clock, elements: PhantomData }
    }

    /// Adds an element to the state of its key.
    fn add(&mut self, element: T) -> Result<(), String> {
        let key = self.reducer.key(&element);
        let place = self.states.get_index_of(&key);
        let most = self.release.most_keys.get();
        if place.is_none() && self.states.len() >= most {
            return Err(format!("it has a new key, and there are {most} keys already"));
        }
        let most_bytes = self.release.most_bytes;
        let said = |refusal| match refusal {
            Refusal::Full => {
                format!("with it, all keys together would take more than {}", ByteSize(most_bytes as u64))
            }
            Refusal::Unfit(reason) => reason,
        };
        let left = most_bytes.saturating_sub(self.held);
        if let Some((_, state)) = place.and_then(|place| self.states.get_index_mut(place)) {
            let before = self.reducer.weigh(state);
            self.reducer.add(state, element, left.saturating_add(before)).map_err(said)?;
            self.held = (self.held - before).saturating_add(self.reducer.weigh(state));
            return Ok(());
        }
        let taken = self.reducer.weigh_key(&key);
        let mut state = self.reducer.begin();
        let room = left.checked_sub(taken).ok_or(Refusal::Full).map_err(said)?;
        self.reducer.add(&mut state, element, room).map_err(said)?;
        self.held = self.held.saturating_add(taken).saturating_add(self.reducer.weigh(&state));
        self.states.insert(key, state);
        Ok(())
    }

    /// Gives all states, and begins anew.
    fn release(&mut self, outputs: &mut Outputs<(R::Key, R::State)>) {
        (self.held, self.since) = (0, 0);
        self.states.drain(..).for_each(|state| outputs.give(state));
    }
}

impl<T: 'static, R: Reducer<T>> Save for Reduce<T, R> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.number(self.since);
        saver.moments(self.clock.as_ref().and_then(|clock| clock.end));
        saver.values(self.states.keys())?;
        let states: Vec<_> = self.states.values().map(|state| self.reducer.saved(state)).collect();
        saver.values(&states)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.since = restorer.number()?;
        let end = restorer.moments()?.pop();
        self.clock.iter_mut().for_each(|clock| clock.end = end);
        let (keys, states): (Vec<R::Key>, Vec<R::Saved>) = (restorer.values()?, restorer.values()?);
        let states = states.into_iter().map(|state| self.reducer.restored(state));
        self.states = keys.into_iter().zip(states.collect::<Result<Vec<_>, _>>()?).collect();
        let weights =
            self.states.iter().map(|(key, state)| self.reducer.weigh_key(key) + self.reducer.weigh(state));
        self.held = weights.sum();
        Ok(())
    }
}

impl<T: Send + 'static, R: Reducer<T>> Operator<T> for Reduce<T, R> {
    type Output = (R::Key, R::State);

    fn take(&mut self, element: T, outputs: &mut Outputs<Self::Output>) -> Result<(), String> {
        self.add(element)?;
        self.clock.iter_mut().for_each(Clock::start);
        self.since += 1;
        if self.release.every.is_some_and(|every| self.since >= every.get()) {
            self.release(outputs);
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn end(&mut self, outputs: &mut Outputs<Self::Output>) {
        self.release(outputs);
    }

    fn alarm(&self) -> Option<Instant> {
        self.clock.as_ref().and_then(|clock| clock.end)
    }

    fn wake(&mut self, outputs: &mut Outputs<Self::Output>) {
        self.clock.iter_mut().for_each(Clock::next);
        self.release(outputs);
    }

    fn holds_back(&self) -> bool {
        !self.states.is_empty()
    }
}
