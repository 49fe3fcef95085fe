//! The sink `list`: collects elements in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::graph::{Sink, Stream};

/// Collects elements in memory: a sink, and the list that it fills. For tests, and for results that fit into memory:
/// the list has no limit.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::{Source, sinks};
///
/// let source = Source::new();
/// let (sink, list) = sinks::list();
/// source.stream().map(|x: i64| x + 1).sink(sink);
/// source.emit(1).await?;
/// source.close().await?;
/// assert_eq!(list.take(), [2]);
/// # Ok(()) }
/// ```
#[must_use]
pub fn list<T>() -> (Collector<T>, List<T>) {
    let list = List(Arc::new(Mutex::new(Vec::new())));
    (Collector(list.clone()), list)
}

/// See [`list`].
#[derive(Debug)]
pub struct Collector<T>(List<T>);

/// The elements that a [`list`] has collected. Clones share them.
#[derive(Debug)]
pub struct List<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> List<T> {
    fn elements(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many elements are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements().len()
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements().is_empty()
    }

    /// Removes and returns the elements collected so far.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.elements())
    }

    /// Returns a copy of the elements collected so far.
    #[must_use]
    pub fn read(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.elements().clone()
    }
}

impl<T: Clone + Send + 'static> Sink<T> for Collector<T> {
    fn attach(self, stream: Stream<T>) {
        stream.sink(move |element| self.0.elements().push(element));
    }
}
