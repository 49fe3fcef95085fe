//! `frequencies`: how often each element came so far.

use std::hash::Hash;

use indexmap::IndexMap;

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::{Keeps, Restorer, Save, Saver};

impl<T: Clone + Eq + Hash + Send + Sync + 'static> Stream<T> {
    /// After each element, how often each one came so far, in the order in which they came first.
    ///
    /// A count of its own comes out each time, which takes as long as there are different elements.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, counts) = sinks::list();
    /// source.stream().frequencies().sink(sink);
    /// for word in ["a", "b", "a"] {
    ///     source.emit(word).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(counts.take(), [vec![("a", 1)], vec![("a", 1), ("b", 1)], vec![("a", 2), ("b", 1)]]);
    /// # Ok(()) }
    /// ```
    pub fn frequencies(self) -> Stream<Vec<(T, u64)>> {
        self.through(Frequencies(IndexMap::new()))
    }
}

struct Frequencies<T>(IndexMap<T, u64>);

impl<T: Eq + Hash + 'static> Save for Frequencies<T> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(self.0.keys())?;
        self.0.values().for_each(|count| saver.number(*count));
        Ok(())
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        let elements: Vec<T> = restorer.values()?;
        let counted = elements.into_iter().map(|element| Ok((element, restorer.number()?)));
        self.0 = counted.collect::<Result<_, String>>()?;
        Ok(())
    }
}

impl<T: Clone + Eq + Hash + Send + 'static> Operator<T> for Frequencies<T> {
    type Output = Vec<(T, u64)>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<(T, u64)>>) -> Result<(), String> {
        *self.0.entry(element).or_default() += 1;
        outputs.give(self.0.iter().map(|(element, count)| (element.clone(), *count)).collect());
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }
}
