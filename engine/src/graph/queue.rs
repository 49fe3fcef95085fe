//! A node that takes elements over, and passes them on in a task of its own.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::{Handling, Items, Node, Outlet, Stream};
use crate::Error;
use crate::monitor::Gauge;
use crate::progress::{Detached, GraphContext};

/// An element that waits, and when it was taken.
struct Waiting<T> {
    number: u64,
    element: T,
    since: Instant,
}

/// When an element may go on, which came at a time.
pub(super) trait Pace: Send + 'static {
    /// Waits until it may.
    fn wait(&mut self, since: Instant) -> impl Future<Output = ()> + Send;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Up to `n` elements wait here, for a task that passes them on at its `pace`; the next one waits outside.
    pub(super) fn queue(self, kind: &str, n: usize, pace: impl Pace) -> Self {
        let context = self.context.clone();
        let mut gauge: Option<Weak<dyn Gauge>> = None;
        let stream = self.attach(kind, |outlet| {
            let (sender, receiver) = channel(n.clamp(1, Semaphore::MAX_PERMITS));
            let sender = Arc::new(Mutex::new(Some(sender)));
            let filled: Weak<Queued<T>> = Arc::downgrade(&sender);
            gauge = Some(filled);
            let link = Arc::new(Link { context, failed: OnceLock::new(), tracked: OnceLock::new() });
            let task = Detached::new(pass_on(receiver, outlet, pace, link.clone()), &link.context);
            QueueNode { sender, task, link }
        });
        if let Some(watched) = &stream.watched {
            watched.hands_over(gauge);
        }
        Stream { apart: true, ..stream }
    }
}

/// What both sides know.
struct Link {
    context: Arc<GraphContext>,
    failed: OnceLock<Error>,
    /// Its place among those that say how far elements are done.
    tracked: OnceLock<usize>,
}

impl Link {
    fn place(&self) -> usize {
        *self.tracked.get_or_init(|| self.context.track(false))
    }

    fn fail(&self, error: Error) {
        self.context.fail(self.failed.get_or_init(|| error).clone());
    }

    fn failure(&self) -> Error {
        self.failed.get().cloned().unwrap_or(Error::Closed)
    }
}

type Queued<T> = Mutex<Option<Sender<Waiting<T>>>>;

impl<T: Send> Gauge for Queued<T> {
    fn filled(&self) -> (u64, u64) {
        let sender = self.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = sender.as_ref().map_or(0, Sender::max_capacity);
        let free = sender.as_ref().map_or(0, Sender::capacity);
        ((limit - free) as u64, limit as u64)
    }
}

struct QueueNode<T> {
    /// Taken at the end.
    sender: Arc<Queued<T>>,
    task: Detached,
    link: Arc<Link>,
}

impl<T> QueueNode<T> {
    fn sender(&self) -> MutexGuard<'_, Option<Sender<Waiting<T>>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, items: Items<T>) -> Result<(), Error> {
        let place = self.link.place();
        self.task.start().await;
        let sender = self.sender().clone().ok_or(Error::Closed)?;
        for item in items {
            let (number, element) = item?;
            let room = match sender.try_reserve() {
                Err(TrySendError::Full(())) => {
                    let _waiting = self.link.context.waits.wait();
                    sender.reserve().await.map_err(|_| self.link.failure())?
                }
                room => room.map_err(|_| self.link.failure())?,
            };
            self.link.context.enter(place, number, number, 1);
            room.send(Waiting { number, element, since: Instant::now() });
        }
        Ok(())
    }
}

/// Passes on what comes, and tells a failure to the emitting task.
async fn pass_on<T: Clone + Send + 'static>(
    mut receiver: Receiver<Waiting<T>>,
    outlet: Outlet<T>,
    mut pace: impl Pace,
    link: Arc<Link>,
) -> Result<(), Error> {
    let passed = pass(&mut receiver, &outlet, &mut pace, &link).await;
    if let Err(error) = &passed {
        link.fail(error.clone());
    }
    // Who waits to send is told.
    drop(receiver);
    // What was passed on before a failure must get to its end too.
    outlet.close().await.and(passed)
}

async fn pass<T: Clone + Send + 'static>(
    receiver: &mut Receiver<Waiting<T>>,
    outlet: &Outlet<T>,
    pace: &mut impl Pace,
    link: &Link,
) -> Result<(), Error> {
    let mut passed = 0;
    loop {
        let waiting = match receiver.try_recv() {
            Ok(waiting) => Some(waiting),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                outlet.pause().await?;
                let _waiting = link.context.waits.wait();
                receiver.recv().await
            }
        };
        let Some(Waiting { number, element, since }) = waiting else { return Ok(()) };
        // No more pieces of the one before will come.
        if number > passed {
            link.context.reach(link.place(), passed);
        }
        pace.wait(since).await;
        outlet.send(Items::One(number, element)).await?;
        passed = number;
        link.context.leave(link.place(), number, 1);
    }
}

impl<T: Clone + Send + 'static> Node<T> for QueueNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.take(items))
    }

    fn pause(&self) -> Handling<'_> {
        // The task sees for itself when there is nothing more.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(async {
            drop(self.sender().take());
            self.task.end().await
        })
    }
}
