//! Emits elements one by one, and ends a graph.

use std::sync::{Arc, PoisonError};

use tokio::sync::MutexGuard;

use super::handle::{Emission, Source};
use crate::Error;
use crate::graph::Items;
use crate::progress::{BoxFuture, GraphContext};

/// Counts elements as emitted when it ends or is dropped: even if the call that emits them is dropped early, they have
/// taken their numbers, and positions count on that.
pub(super) struct Counting<'a> {
    context: &'a GraphContext,
    elements: usize,
    is_cut_short: bool,
}

impl<'a> Counting<'a> {
    pub(super) fn begin(context: &'a GraphContext, elements: usize) -> Self {
        Self { context, elements, is_cut_short: true }
    }

    /// The elements were sent.
    pub(super) fn end(mut self) {
        self.is_cut_short = false;
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.context.emit(self.elements);
        if self.is_cut_short {
            self.context.resume_point.repeat(self.elements as u64);
        }
    }
}

impl<T: Clone + Send + 'static> Source<T> {
    /// Emits an element, and waits until all nodes after the source have accepted it. While a buffer is full or a
    /// sink is slow, the program waits here.
    ///
    /// Must be called within a Tokio runtime. It is fastest in one of the runtime's tasks, since results then reach
    /// their sink without waking another thread. If no pool thread is busy, a plugin's function may run on the
    /// caller's thread, for some milliseconds at most. If the future is dropped early, the element may or may not be
    /// emitted, and may have taken its number; a run that continues from a checkpoint takes it again. Accepted elements
    /// are not lost, and more can be emitted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Error, Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().sink(sink);
    /// source.emit(1).await?;
    /// assert_eq!(numbers.read(), [1]);
    /// source.close().await?;
    /// assert!(matches!(source.emit(2).await, Err(Error::Closed)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The failure that ended the run, which may be of an earlier element; [`Error::Closed`] after
    /// [`close`](Self::close).
    pub async fn emit(&self, element: T) -> Result<(), Error> {
        self.emit_one(element, |_| {}).await
    }

    /// The same; `told` is given the element's number before it goes anywhere.
    pub(crate) async fn emit_one(&self, element: T, told: impl FnOnce(u64)) -> Result<(), Error> {
        let mut state = self.ready().await?;
        if self.context.resume_point.skip(1) > 0 {
            return Ok(());
        }
        let number = state.next;
        told(number);
        state.next += 1;
        let counting = Counting::begin(&self.context, 1);
        let sent = self.outlet.send(Items::One(number, element)).await;
        counting.end();
        let sent = match sent {
            Ok(()) => self.outlet.pause().await,
            error => error,
        };
        if sent.is_ok() {
            self.context.accepted();
        }
        state.note(sent)
    }

    /// The number of the last element that was emitted.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.context.last()
    }

    /// Waits until the graph has failed. A source that waits for input should wait for this too.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source};
    /// let source = Source::new();
    /// let lines = source.stream().buffer(8); // nodes after it fail after the emit
    /// let numbers = lines.try_map(|line: String| line.parse::<i64>(), &FaultPolicy::stop());
    /// numbers.sink(|_: i64| {});
    /// source.emit("one".to_owned()).await?;
    /// let error = source.failure().await;
    /// assert_eq!(error.to_string(), "record 1: try_map: invalid digit found in string");
    /// # Ok(()) }
    /// ```
    pub async fn failure(&self) -> Error {
        self.context.failure().await
    }

    pub(super) async fn ready(&self) -> Result<MutexGuard<'_, Emission>, Error> {
        // Other tasks get their turn even if no node ever waits.
        tokio::task::coop::consume_budget().await;
        if let Some(watch) = self.context.watch.get() {
            watch.control.may_go_on().await;
        }
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(_) => self.state.lock().await,
        };
        match &state.failed {
            Some(error) => Err(error.clone()),
            None if state.closed => Err(Error::Closed),
            None => Ok(state),
        }
    }

    /// Ends the stream, and waits until every element has reached its sink or is a fault. If the future is dropped
    /// early, it can be called again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::num::NonZeroUsize;
    /// # use engine::{Source, sinks};
    /// let (source, two) = (Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, pairs) = sinks::list();
    /// source.stream().partition(two).buffer(8).sink(sink);
    /// for x in 1..=3 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [vec![1, 2], vec![3]]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The failure that ended the run, after the elements before it have reached their sinks. Of
    /// several faults it is the first in the order of records, while an [`emit`](Self::emit) may
    /// have returned another one.
    pub async fn close(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.closed = true;
        if !state.ended {
            // What fails on the way out comes before what an emit has failed for.
            match self.outlet.close().await {
                Err(error) => state.failed = Some(error),
                Ok(()) if state.failed.is_none() => self.context.accepted(),
                Ok(()) => {}
            }
            let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for ending in endings {
                let ended = ending().await;
                state.failed = state.failed.take().or(ended.err());
            }
            state.ended = true;
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// A close waits for this when everything has reached its end, or the run has failed.
    pub(crate) fn before_end(
        &self,
        ending: impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
    ) {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(ending));
    }
}
