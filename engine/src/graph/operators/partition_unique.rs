//! `partition_unique`: groups in which no key is twice.

use std::hash::Hash;
use std::num::NonZeroUsize;

use super::bounds::Bounds;
use super::group::{Different, Group};
use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

/// Which of several elements with one key is kept.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::num::NonZeroUsize;
///
/// use engine::operators::Keep;
/// use engine::{Source, sinks};
///
/// let (source, three) = (Source::new(), NonZeroUsize::new(3).unwrap());
/// let ((sink, first), (other, last)) = (sinks::list(), sinks::list());
/// source.stream().partition_unique(three, |x: &i64| *x, Keep::First).sink(sink);
/// source.stream().partition_unique(three, |x: &i64| *x, Keep::Last).sink(other);
/// for x in [1, 2, 1, 3] {
///     source.emit(x).await?;
/// }
/// source.close().await?;
/// assert_eq!((first.take(), last.take()), (vec![vec![1, 2, 3]], vec![vec![2, 1, 3]]));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The first: later ones are dropped.
    #[default]
    First,
    /// The last: it takes the place after the others.
    Last,
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Groups of `n` elements with different keys. What is left at the end is a smaller group.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::sync::{Arc, Mutex};
    /// # let seen = Arc::new(Mutex::new(Vec::new()));
    /// # let list = seen.clone();
    /// use std::num::NonZeroUsize;
    ///
    /// let source = engine::Source::new();
    /// let three = NonZeroUsize::new(3).unwrap();
    /// let groups = source.stream().partition_unique(three, |x: &i64| *x, engine::operators::Keep::Last);
    /// groups.sink(move |group: Vec<i64>| list.lock().unwrap().push(group));
    /// for x in [1, 2, 1, 3, 1, 3, 3, 2] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(*seen.lock().unwrap(), [[2, 1, 3], [1, 3, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn partition_unique<K>(
        self,
        n: NonZeroUsize,
        key: impl FnMut(&T) -> K + Send + 'static,
        keep: Keep,
    ) -> Stream<Vec<T>>
    where
        K: Eq + Hash + Send + 'static,
    {
        self.partition_unique_bounded(n, key, keep, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn partition_unique_bounded<K>(
        self,
        n: NonZeroUsize,
        key: impl FnMut(&T) -> K + Send + 'static,
        keep: Keep,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>>
    where
        K: Eq + Hash + Send + 'static,
    {
        let (room, guard) = bounds.parts();
        self.through_node(PartitionUnique { n, group: Different::new(key, keep, room) }, guard).0
    }
}

struct PartitionUnique<T, K, F> {
    n: NonZeroUsize,
    group: Different<T, K, F>,
}

impl<T, K, F> Save for PartitionUnique<T, K, F>
where
    T: Send + 'static,
    K: Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        self.group.save(saver)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.group.restore(restorer)
    }
}

impl<T, K, F> Operator<T> for PartitionUnique<T, K, F>
where
    T: Clone + Send + 'static,
    K: Eq + Hash + Send + 'static,
    F: FnMut(&T) -> K + Send + 'static,
{
    type Output = Vec<T>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<T>>) -> Result<(), String> {
        self.group.put(element)?;
        if self.group.len() == self.n.get() {
            outputs.give(self.group.take());
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn end(&mut self, outputs: &mut Outputs<Vec<T>>) {
        if self.holds_back() {
            outputs.give(self.group.take());
        }
    }

    fn holds_back(&self) -> bool {
        self.group.len() > 0
    }
}
