//! Elements that are passed on later, by a task of their own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::{Handling, Items, Node, Outlet};
use crate::Error;
use crate::monitor::Gauge;
use crate::progress::{
    BoxFuture, Detached, GraphContext, Holding, KeptNode, SaveError, SavedNode, SavedTypes, Saver,
};

/// The node: it takes elements over.
pub(super) struct DelayNode<T>(Arc<Delaying<T>>);

/// Elements that wait for their time.
pub(super) struct Delayed<T> {
    interval: Duration,
    limit: usize,
    state: Mutex<DelayedElements<T>>,
    /// One permit for each element that may wait beside those that do.
    room: Semaphore,
    /// Something for the task.
    news: Notify,
    context: Arc<GraphContext>,
    /// Its number among the holders of elements.
    holder: OnceLock<usize>,
    outlet: Outlet<T>,
}

struct DelayedElements<T> {
    waiting: VecDeque<DelayedElement<T>>,
    closed: bool,
    failed: Option<Error>,
}

struct DelayedElement<T> {
    number: u64,
    element: T,
    due: Instant,
}

/// What waits, and the task that passes it on.
struct Delaying<T> {
    delayed: Arc<Delayed<T>>,
    task: Detached,
}

impl<T: Clone + Send + 'static> Delayed<T> {
    /// Up to `limit` elements wait until they are older by `interval`.
    pub(super) fn new(
        interval: Duration,
        limit: usize,
        context: Arc<GraphContext>,
        outlet: Outlet<T>,
    ) -> Arc<Self> {
        Arc::new(Self {
            interval,
            limit,
            state: Mutex::new(DelayedElements { waiting: VecDeque::new(), closed: false, failed: None }),
            room: Semaphore::new(limit),
            news: Notify::new(),
            context,
            holder: OnceLock::new(),
            outlet,
        })
    }

    /// How many elements wait.
    pub(super) fn gauge(self: &Arc<Self>) -> Weak<dyn Gauge> {
        let gauge: Weak<Self> = Arc::downgrade(self);
        gauge
    }

    fn state(&self) -> MutexGuard<'_, DelayedElements<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holder(&self) -> usize {
        *self.holder.get_or_init(|| self.context.track(false))
    }

    /// Takes an element over, once there is room for it.
    async fn put(&self, number: u64, element: T) -> Result<(), Error> {
        let permit = match self.room.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                let _waiting = self.context.waits.wait();
                self.room.acquire().await
            }
        };
        let mut state = self.state();
        let Ok(permit) = permit else { return Err(state.failed.clone().unwrap_or(Error::Closed)) };
        if state.closed {
            return Err(Error::Closed);
        }
        permit.forget();
        self.context.enter(self.holder(), number, number, 1);
        state.waiting.push_back(DelayedElement { number, element, due: Instant::now() + self.interval });
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// Passes on what comes, and tells a failure to the emitting task.
    async fn pass_on(self: Arc<Self>) -> Result<(), Error> {
        let passed = self.pass().await;
        if let Err(error) = &passed {
            self.state().failed = Some(error.clone());
            self.context.fail(error.clone());
        }
        // A task that waits for room gets the error now.
        self.room.close();
        // What was passed on before a failure must get to its end too.
        self.outlet.close().await.and(passed)
    }

    async fn pass(&self) -> Result<(), Error> {
        let mut passed = 0;
        loop {
            let (due, closed) = {
                let state = self.state();
                (state.waiting.front().map(|first| first.due), state.closed)
            };
            match due {
                Some(due) if due > Instant::now() => {
                    self.outlet.pause().await?;
                    sleep_until(due).await;
                }
                Some(_) => passed = self.pass_first(passed).await?,
                None if closed => return Ok(()),
                None => {
                    self.outlet.pause().await?;
                    let _waiting = self.context.waits.wait();
                    self.news.notified().await;
                }
            }
        }
    }

    /// Passes on the first element, after one with the number `passed`. Returns its number.
    async fn pass_first(&self, passed: u64) -> Result<u64, Error> {
        let _act = self.context.holdings.act().await;
        let first = self.state().waiting.pop_front();
        let Some(DelayedElement { number, element, .. }) = first else { return Ok(passed) };
        // No more pieces of the one before will come.
        if number > passed {
            self.context.reach(self.holder(), passed);
        }
        self.outlet.send(Items::One(number, element)).await?;
        self.context.leave(self.holder(), number, 1);
        self.room.add_permits(1);
        Ok(number)
    }

    fn restore(&self, saved: &SavedNode, types: &SavedTypes) -> Result<(), String> {
        saved.check_version(1)?;
        let mut restorer = saved.restorer(types)?;
        let due = restorer.moments()?;
        let numbers: Vec<u64> = restorer.values()?;
        let elements: Vec<T> = restorer.values()?;
        if due.len() != elements.len() || numbers.len() != elements.len() {
            return Err("it is inconsistent".to_owned());
        }
        let waiting = due.into_iter().zip(numbers).zip(elements);
        for ((due, number), element) in waiting {
            if let Ok(permit) = self.room.try_acquire() {
                permit.forget();
            }
            self.context.enter(self.holder(), number, number, 1);
            self.state().waiting.push_back(DelayedElement { number, element, due });
        }
        restorer.end()
    }
}

impl<T: Send> Gauge for Delayed<T> {
    fn filled(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.waiting.len() as u64, self.limit as u64)
    }
}

impl<T: Clone + Send + 'static> KeptNode for Delaying<T> {
    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        let save = || {
            let (state, mut saver) = (self.delayed.state(), Saver::new(types));
            saver.moments(state.waiting.iter().map(|waiting| waiting.due));
            saver.values(state.waiting.iter().map(|waiting| &waiting.number))?;
            saver.values(state.waiting.iter().map(|waiting| &waiting.element))?;
            Ok(SavedNode::with_state(1, saver.finish()))
        };
        Box::pin(std::future::ready(save()))
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        Box::pin(async move {
            self.delayed.restore(saved, types)?;
            self.task.start().await;
            Ok(())
        })
    }
}

impl<T> Drop for Delaying<T> {
    fn drop(&mut self) {
        // The task ends once it has passed on what is there.
        self.delayed.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.delayed.news.notify_one();
    }
}

impl<T: Clone + Send + 'static> DelayNode<T> {
    pub(super) fn new(delayed: Arc<Delayed<T>>) -> Self {
        let task = Detached::new(delayed.clone().pass_on(), &delayed.context);
        Self(Arc::new(Delaying { delayed, task }))
    }
}

impl<T: Clone + Send + 'static> Node<T> for DelayNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async {
            self.0.task.start().await;
            for item in items {
                let (number, element) = item?;
                self.0.delayed.put(number, element).await?;
            }
            Ok(())
        })
    }

    fn pause(&self) -> Handling<'_> {
        // The task sees for itself when there is nothing more.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(async {
            self.0.delayed.state().closed = true;
            self.0.delayed.news.notify_one();
            self.0.task.end().await
        })
    }

    fn holding(&self) -> Holding {
        let kept: Weak<Delaying<T>> = Arc::downgrade(&self.0);
        Holding::Kept(kept)
    }
}
