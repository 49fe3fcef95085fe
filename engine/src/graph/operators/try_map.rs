//! `try_map`: each element through a function that may fail for it.

use std::fmt::Display;
use std::marker::PhantomData;

use crate::FaultPolicy;
use crate::graph::{Operator, Outputs, Stream};
use crate::progress::Keeps;
use crate::record::Record;

impl<T: Record> Stream<T> {
    /// Each element through `f`. One for which it fails is a fault, with which is done what `policy` says.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{FaultPolicy, Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().try_map(|line: String| line.parse::<i64>(), &FaultPolicy::skip()).sink(sink);
    /// for line in ["1", "two", "3"] {
    ///     source.emit(line.to_owned()).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [1, 3]);
    /// assert_eq!(source.progress().counts().faults, 1);
    /// # Ok(()) }
    /// ```
    pub fn try_map<U, E, F>(self, f: F, policy: &FaultPolicy) -> Stream<U>
    where
        U: Clone + Send + 'static,
        E: Display + 'static,
        F: FnMut(T) -> Result<U, E> + Send + 'static,
    {
        self.through_with(TryMap { f, error: PhantomData }, policy)
    }
}

struct TryMap<F, E> {
    f: F,
    error: PhantomData<fn() -> E>,
}

impl<T, U, E, F> Operator<T> for TryMap<F, E>
where
    U: Clone + Send + 'static,
    E: Display + 'static,
    F: FnMut(T) -> Result<U, E> + Send + 'static,
{
    type Output = U;

    fn take(&mut self, element: T, outputs: &mut Outputs<U>) -> Result<(), String> {
        outputs.give((self.f)(element).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }

    fn name(&self) -> &'static str {
        "try_map"
    }
}
