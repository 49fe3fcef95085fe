//! A node that takes elements over, and passes them on in a task of its own.

use std::future::Future;
use std::sync::Weak;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::handover::{Backlog, Handover};
use super::{Handling, Items, Node, Outlet, Stream};
use crate::Error;
use crate::monitor::Gauge;

/// An element that waits, and when it was taken.
struct Waiting<T> {
    number: u64,
    element: T,
    since: Instant,
}

/// When an element may go on, which came at a time.
pub(super) trait Release: Send + 'static {
    /// Waits until it may.
    fn wait(&mut self, since: Instant) -> impl Future<Output = ()> + Send;
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Up to `n` elements wait here, for a task that passes each on after its `release`; the next one waits outside.
    pub(super) fn queue(self, kind: &str, n: usize, release: impl Release) -> Self {
        let context = self.context.clone();
        let mut gauge: Option<Weak<dyn Gauge>> = None;
        let stream = self.attach(kind, |outlet| {
            let capacity = n.clamp(1, Semaphore::MAX_PERMITS);
            let handover = Handover::new(capacity, context, |receiver, backlog| async move {
                pass_on(receiver, outlet, release, &backlog).await
            });
            gauge = Some(handover.gauge());
            QueueNode(handover)
        });
        if let Some(watched) = &stream.watched {
            watched.hands_over(gauge);
        }
        Stream { apart: true, ..stream }
    }
}

struct QueueNode<T>(Handover<Waiting<T>>);

impl<T: Send + 'static> QueueNode<T> {
    async fn take(&self, items: Items<T>) -> Result<(), Error> {
        let sender = self.0.begin().await?;
        for item in items {
            let (number, element) = item?;
            let waiting = || Waiting { number, element, since: Instant::now() };
            sender.send((number, number), 1, waiting).await?;
        }
        Ok(())
    }
}

/// Passes on what comes, and tells a failure to the emitting task.
async fn pass_on<T: Clone + Send + 'static>(
    mut receiver: Receiver<Waiting<T>>,
    outlet: Outlet<T>,
    mut release: impl Release,
    backlog: &Backlog,
) -> Result<(), Error> {
    let passed = pass(&mut receiver, &outlet, &mut release, backlog).await;
    if let Err(error) = &passed {
        backlog.fail(error.clone());
    }
    // A task that waits to send gets the error now.
    drop(receiver);
    // What was passed on before a failure must get to its end too.
    outlet.close().await.and(passed)
}

async fn pass<T: Clone + Send + 'static>(
    receiver: &mut Receiver<Waiting<T>>,
    outlet: &Outlet<T>,
    release: &mut impl Release,
    backlog: &Backlog,
) -> Result<(), Error> {
    let mut passed = 0;
    loop {
        let waiting = match receiver.try_recv() {
            Ok(waiting) => Some(waiting),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                outlet.pause().await?;
                let _waiting = backlog.context().waits.wait();
                receiver.recv().await
            }
        };
        let Some(Waiting { number, element, since }) = waiting else { return Ok(()) };
        // No more pieces of the one before will come.
        if number > passed {
            backlog.reach(passed);
        }
        release.wait(since).await;
        outlet.send(Items::One(number, element)).await?;
        passed = number;
        backlog.leave(number, 1);
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
        Handling::going(self.0.close())
    }
}
