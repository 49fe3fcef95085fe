//! `scan`, `scan_by`: a state that goes from element to element, changed by a closure.

use std::collections::HashMap;
use std::hash::Hash;

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// A running state that begins as `start`: `f` changes it with each element, and what it returns comes
    /// out. Return a copy of the state, a part of it, or both.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, lines) = sinks::list();
    /// let numbered = source.stream().scan(0, |count, line: &str| {
    ///     *count += 1;
    ///     format!("{count} {line}")
    /// });
    /// numbered.sink(sink);
    /// source.emit("one").await?;
    /// source.emit("other").await?;
    /// source.close().await?;
    /// assert_eq!(lines.take(), ["1 one", "2 other"]);
    /// # Ok(()) }
    /// ```
    pub fn scan<S, U>(self, start: S, f: impl FnMut(&mut S, T) -> U + Send + 'static) -> Stream<U>
    where
        S: Send + 'static,
        U: Clone + Send + 'static,
    {
        self.through(Scan { state: start, f })
    }

    /// The same with a state for each key, all of which begin as `start`. They stay as long as the stream.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, counts) = sinks::list();
    /// let counted = source.stream().scan_by(|x: &i64| x % 10, 0, |count, x| {
    ///     *count += 1;
    ///     (x, *count)
    /// });
    /// counted.sink(sink);
    /// for x in [1, 2, 11, 21] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(counts.take(), [(1, 1), (2, 1), (11, 2), (21, 3)]);
    /// # Ok(()) }
    /// ```
    pub fn scan_by<K, S, U>(
        self,
        key: impl FnMut(&T) -> K + Send + 'static,
        start: S,
        f: impl FnMut(&mut S, T) -> U + Send + 'static,
    ) -> Stream<U>
    where
        K: Eq + Hash + Send + 'static,
        S: Clone + Send + 'static,
        U: Clone + Send + 'static,
    {
        self.through(ScanBy { key, start, states: HashMap::new(), f })
    }
}

struct Scan<S, F> {
    state: S,
    f: F,
}

impl<S: 'static, F> Save for Scan<S, F> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values([&self.state])
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.state = restorer.values()?.pop().ok_or("it is empty")?;
        Ok(())
    }
}

impl<T, S, U, F> Operator<T> for Scan<S, F>
where
    S: Send + 'static,
    U: Clone + Send + 'static,
    F: FnMut(&mut S, T) -> U + Send + 'static,
{
    type Output = U;

    fn take(&mut self, element: T, outputs: &mut Outputs<U>) -> Result<(), String> {
        outputs.give((self.f)(&mut self.state, element));
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}

struct ScanBy<K, S, G, F> {
    key: G,
    start: S,
    states: HashMap<K, S>,
    f: F,
}

impl<K: Eq + Hash + 'static, S: 'static, G, F> Save for ScanBy<K, S, G, F> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(self.states.keys())?;
        saver.values(self.states.values())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        let (keys, states): (Vec<K>, Vec<S>) = (restorer.values()?, restorer.values()?);
        self.states = keys.into_iter().zip(states).collect();
        Ok(())
    }
}

impl<T, K, S, U, G, F> Operator<T> for ScanBy<K, S, G, F>
where
    K: Eq + Hash + Send + 'static,
    S: Clone + Send + 'static,
    U: Clone + Send + 'static,
    G: FnMut(&T) -> K + Send + 'static,
    F: FnMut(&mut S, T) -> U + Send + 'static,
{
    type Output = U;

    fn take(&mut self, element: T, outputs: &mut Outputs<U>) -> Result<(), String> {
        let state = self.states.entry((self.key)(&element)).or_insert_with(|| self.start.clone());
        outputs.give((self.f)(state, element));
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}
