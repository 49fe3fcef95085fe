//! `unique`: elements that were not seen before.

use std::hash::Hash;
use std::num::NonZeroUsize;

use hashlink::LruCache;

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The elements that are unlike all of the last `history` different ones; of those the one that was seen
    /// longest ago is forgotten first.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, new) = sinks::list();
    /// source.stream().unique(NonZeroUsize::new(2).unwrap()).sink(sink);
    /// for x in [1, 2, 1, 3, 1, 2] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(new.take(), [1, 2, 3, 2]); // 2 was forgotten: 1 was seen after it
    /// # Ok(()) }
    /// ```
    pub fn unique(self, history: NonZeroUsize) -> Self
    where
        T: Eq + Hash,
    {
        self.unique_by(history, T::clone)
    }

    /// The same by a key of each element.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, new) = sinks::list();
    /// source.stream().unique_by(NonZeroUsize::new(100).unwrap(), |x: &i64| x % 10).sink(sink);
    /// for x in [1, 11, 2, 21] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(new.take(), [1, 2]);
    /// # Ok(()) }
    /// ```
    pub fn unique_by<K>(self, history: NonZeroUsize, key: impl FnMut(&T) -> K + Send + 'static) -> Self
    where
        K: Eq + Hash + Send + 'static,
    {
        self.through(Unique { seen: LruCache::new(history.get()), key })
    }
}

struct Unique<K: Eq + Hash, F> {
    seen: LruCache<K, ()>,
    key: F,
}

impl<K: Eq + Hash + 'static, F> Save for Unique<K, F> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        // The least recently used first.
        saver.values(self.seen.iter().map(|(key, ())| key))
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.seen.clear();
        for key in restorer.values()? {
            self.seen.insert(key, ());
        }
        Ok(())
    }
}

impl<T, K, F> Operator<T> for Unique<K, F>
where
    T: Clone + Send + 'static,
    K: Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    type Output = T;

    fn take(&mut self, element: T, outputs: &mut Outputs<T>) -> Result<(), String> {
        if self.seen.insert((self.key)(&element), ()).is_none() {
            outputs.give(element);
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}
