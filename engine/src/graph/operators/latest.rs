//! `latest`: only the newest element, if the next nodes are slow.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::Error;
use crate::graph::{Handling, Items, Node, Outlet, Scattered, Stream};
use crate::progress::{BoxFuture, Detached, GraphContext, Holding, KeptNode};
use crate::record::Record;

impl<T: Clone + Send + 'static> Stream<T> {
    /// Passes on the newest element whenever the next nodes are ready for one, and drops those that came meanwhile.
    /// `emit` never waits here.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), engine::Error> {
    /// # use tokio::time::sleep;
    /// use std::time::Duration;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, readings) = sinks::list();
    /// source.stream().latest().rate_limit(Duration::from_secs(1)).sink(sink);
    /// for x in 0..8 {
    ///     source.emit(x).await?;
    ///     sleep(Duration::from_millis(300)).await;
    /// }
    /// source.close().await?;
    /// assert_eq!(readings.take(), [0, 1, 3, 6, 7]);
    /// # Ok(()) }
    /// ```
    pub fn latest(self) -> Self {
        let context = self.context.clone();
        let stream = self.attach("latest", |outlet| {
            let slot = Arc::new(Slot {
                passed: Notify::new(),
                state: Mutex::default(),
                news: Notify::new(),
                context,
            });
            let task = Detached::new(pass_on(slot.clone(), outlet), &slot.context);
            LatestNode { slot, task }
        });
        if let Some(watched) = &stream.watched {
            watched.hands_over(None);
        }
        Stream { apart: true, ..stream }
    }
}

impl<T: Record> Scattered<T> {
    /// Passes on only the newest result, if the next nodes are slow.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, readings) = sinks::list();
    /// source.stream().scatter(&pool).latest().gather().sink(sink);
    /// for x in 0..8 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(readings.take().last(), Some(&7));
    /// # Ok(()) }
    /// ```
    pub fn latest(self) -> Self {
        self.in_order(Stream::latest)
    }
}

struct Slot<T> {
    /// An element was passed on.
    passed: Notify,
    state: Mutex<Newest<T>>,
    news: Notify,
    context: Arc<GraphContext>,
}

/// The newest element, until it is passed on.
struct Newest<T> {
    /// One is being passed on.
    passing: bool,
    element: Option<(u64, T)>,
    closed: bool,
    failed: Option<Error>,
    /// Its place among those that say how far elements are done.
    tracked: Option<usize>,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { passing: false, element: None, closed: false, failed: None, tracked: None }
    }
}

impl<T> Slot<T> {
    fn state(&self) -> MutexGuard<'_, Newest<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass_on<T: Clone + Send + 'static>(slot: Arc<Slot<T>>, outlet: Outlet<T>) -> Result<(), Error> {
    let passed = pass(&slot, &outlet).await;
    if let Err(error) = &passed {
        slot.state().failed = Some(error.clone());
        slot.context.fail(error.clone());
    }
    outlet.close().await.and(passed)
}

async fn pass<T: Clone + Send + 'static>(slot: &Slot<T>, outlet: &Outlet<T>) -> Result<(), Error> {
    loop {
        let (newest, closed) = {
            let mut state = slot.state();
            state.passing = state.element.is_some();
            (state.element.take(), state.closed)
        };
        match newest {
            Some((number, element)) => {
                outlet.send(Items::One(number, element)).await?;
                let mut state = slot.state();
                state.passing = false;
                slot.passed.notify_waiters();
                if let Some(place) = state.tracked {
                    // Another piece of it may have come since.
                    let done = if state.element.is_some() { number - 1 } else { number };
                    slot.context.reach(place, done);
                }
            }
            None if closed => return Ok(()),
            None => {
                outlet.pause().await?;
                let _waiting = slot.context.waits.wait();
                slot.news.notified().await;
            }
        }
    }
}

impl<T: Send + 'static> KeptNode for Slot<T> {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            loop {
                let mut passed = pin!(self.passed.notified());
                passed.as_mut().enable();
                {
                    let state = self.state();
                    if let Some(error) = &state.failed {
                        return Err(error.clone());
                    }
                    if state.element.is_none() && !state.passing {
                        return Ok(());
                    }
                }
                passed.await;
            }
        })
    }
}

struct LatestNode<T> {
    slot: Arc<Slot<T>>,
    task: Detached,
}

impl<T: Clone + Send + 'static> LatestNode<T> {
    async fn take(&self, items: Items<T>) -> Result<(), Error> {
        self.task.start().await;
        for item in items {
            let (number, element) = item?;
            let mut state = self.slot.state();
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            let place = *state.tracked.get_or_insert_with(|| self.slot.context.track(false));
            self.slot.context.take(place, number, number);
            state.element = Some((number, element));
        }
        self.slot.news.notify_one();
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Node<T> for LatestNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.take(items))
    }

    fn pause(&self) -> Handling<'_> {
        // The task sees for itself when there is nothing more.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(async {
            self.slot.state().closed = true;
            self.slot.news.notify_one();
            self.task.end().await
        })
    }

    fn holding(&self) -> Holding {
        let kept: Weak<Slot<T>> = Arc::downgrade(&self.slot);
        Holding::Kept(kept)
    }
}
