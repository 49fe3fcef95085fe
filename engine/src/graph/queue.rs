//! A node that takes elements over, and passes them on in a task of its own.

use std::sync::{Arc, Weak};

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Semaphore, oneshot};

use super::handover::{Backlog, Handover};
use super::{Handling, Items, Node, Outlet, Stream};
use crate::Error;
use crate::monitor::Gauge;
use crate::progress::{BoxFuture, Holding, KeptNode};

/// What waits for the task.
enum Piece<T> {
    Element(u64, T),
    /// Tells when all before it was passed on.
    End(oneshot::Sender<()>),
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Up to `n` elements wait here, for a task that passes them on; the next one waits outside.
    pub(super) fn queue(self, kind: &str, n: usize) -> Self {
        let context = self.context.clone();
        let mut gauge: Option<Weak<dyn Gauge>> = None;
        let stream = self.attach(kind, |outlet| {
            let capacity = n.clamp(1, Semaphore::MAX_PERMITS);
            let handover = Handover::new(capacity, context, |receiver, backlog| async move {
                pass_on(receiver, outlet, &backlog).await
            });
            gauge = Some(handover.gauge());
            QueueNode(Arc::new(Queue(handover)))
        });
        if let Some(watched) = &stream.watched {
            watched.hands_over(gauge);
        }
        Stream { apart: true, ..stream }
    }
}

struct QueueNode<T>(Arc<Queue<T>>);

struct Queue<T>(Handover<Piece<T>>);

impl<T: Send + 'static> Queue<T> {
    async fn take(&self, items: Items<T>) -> Result<(), Error> {
        let sender = self.0.begin().await?;
        for item in items {
            let (number, element) = item?;
            sender.send((number, number), 1, || Piece::Element(number, element)).await?;
        }
        Ok(())
    }
}

impl<T: Send + 'static> KeptNode for Queue<T> {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            // What has ended has passed all on.
            let Ok(sender) = self.0.begin().await else { return Ok(()) };
            let (end, passed) = oneshot::channel();
            sender.send_uncounted(Piece::End(end)).await?;
            passed.await.map_err(|_| Error::Closed)
        })
    }
}

/// Passes on what comes, and tells a failure to the emitting task.
async fn pass_on<T: Clone + Send + 'static>(
    mut receiver: Receiver<Piece<T>>,
    outlet: Outlet<T>,
    backlog: &Backlog,
) -> Result<(), Error> {
    let passed = pass(&mut receiver, &outlet, backlog).await;
    if let Err(error) = &passed {
        backlog.fail(error.clone());
    }
    // A task that waits to send gets the error now.
    drop(receiver);
    // What was passed on before a failure must get to its end too.
    outlet.close().await.and(passed)
}

async fn pass<T: Clone + Send + 'static>(
    receiver: &mut Receiver<Piece<T>>,
    outlet: &Outlet<T>,
    backlog: &Backlog,
) -> Result<(), Error> {
    let mut passed = 0;
    loop {
        let piece = match receiver.try_recv() {
            Ok(piece) => Some(piece),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                outlet.pause().await?;
                let _waiting = backlog.context().waits.wait();
                receiver.recv().await
            }
        };
        let (number, element) = match piece {
            Some(Piece::Element(number, element)) => (number, element),
            Some(Piece::End(end)) => {
                // If nothing waits for it, nothing needs to be told.
                let _ = end.send(());
                continue;
            }
            None => return Ok(()),
        };
        // No more pieces of the one before will come.
        if number > passed {
            backlog.reach(passed);
        }
        outlet.send(Items::One(number, element)).await?;
        passed = number;
        backlog.leave(number, 1);
    }
}

impl<T: Clone + Send + 'static> Node<T> for QueueNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.0.take(items))
    }

    fn pause(&self) -> Handling<'_> {
        // The task sees for itself when there is nothing more.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.0.0.close())
    }

    fn holding(&self) -> Holding {
        let kept: Weak<Queue<T>> = Arc::downgrade(&self.0);
        Holding::Kept(kept)
    }
}
