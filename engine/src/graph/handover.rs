//! Hands elements over from a node to a task of its own, which passes them on.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::Error;
use crate::monitor::Gauge;
use crate::progress::{Detached, GraphContext};

/// The node's side: elements wait in a channel for the task.
pub(crate) struct Handover<T> {
    /// Taken at the end.
    sender: Arc<Mutex<Option<Sender<T>>>>,
    task: Detached,
    backlog: Arc<Backlog>,
}

impl<T: Send + 'static> Handover<T> {
    /// Up to `capacity` pieces wait for the task that `run` makes.
    pub(crate) fn new<F>(
        capacity: usize,
        context: Arc<GraphContext>,
        run: impl FnOnce(Receiver<T>, Arc<Backlog>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (sender, receiver) = channel(capacity);
        let backlog = Arc::new(Backlog { context, failed: OnceLock::new(), holder: OnceLock::new() });
        let task = Detached::new(run(receiver, backlog.clone()), &backlog.context);
        Self { sender: Arc::new(Mutex::new(Some(sender))), task, backlog }
    }

    /// How full the channel is.
    pub(crate) fn gauge(&self) -> Weak<dyn Gauge> {
        let gauge: Weak<Mutex<Option<Sender<T>>>> = Arc::downgrade(&self.sender);
        gauge
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<T>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the task if it does not run yet, and returns what pieces are sent with.
    pub(crate) async fn begin(&self) -> Result<HandoverSender<'_, T>, Error> {
        self.backlog.holder();
        self.task.start().await;
        let sender = self.sender().clone().ok_or(Error::Closed)?;
        Ok(HandoverSender { sender, backlog: &self.backlog })
    }

    /// Lets the task finish what waits, and returns when it has ended.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        drop(self.sender().take());
        self.task.end().await
    }
}

/// Sends pieces to the task.
pub(crate) struct HandoverSender<'a, T> {
    sender: Sender<T>,
    backlog: &'a Backlog,
}

impl<T> HandoverSender<'_, T> {
    /// Sends a piece with the elements from the first number to the last, once there is room for it.
    ///
    /// # Errors
    ///
    /// Why the task has ended.
    pub(crate) async fn send(
        &self,
        (first, last): (u64, u64),
        count: usize,
        piece: impl FnOnce() -> T,
    ) -> Result<(), Error> {
        let Backlog { context, .. } = self.backlog;
        let room = match self.sender.try_reserve() {
            Err(TrySendError::Full(())) => {
                let _waiting = context.waits.wait();
                self.sender.reserve().await.map_err(|_| self.backlog.failure())?
            }
            room => room.map_err(|_| self.backlog.failure())?,
        };
        context.enter(self.backlog.holder(), first, last, count);
        room.send(piece());
        Ok(())
    }
}

impl<T> HandoverSender<'_, T> {
    /// Sends what is no element, once there is room for it.
    ///
    /// # Errors
    ///
    /// Why the task has ended.
    pub(crate) async fn send_uncounted(&self, piece: T) -> Result<(), Error> {
        self.sender.send(piece).await.map_err(|_| self.backlog.failure())
    }
}

impl<T: Send> Gauge for Mutex<Option<Sender<T>>> {
    fn filled(&self) -> (u64, u64) {
        let sender = self.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = sender.as_ref().map_or(0, Sender::max_capacity);
        let free = sender.as_ref().map_or(0, Sender::capacity);
        ((limit - free) as u64, limit as u64)
    }
}

/// What was handed over and is not finished, as the graph counts it; and why the task has failed.
pub(crate) struct Backlog {
    context: Arc<GraphContext>,
    failed: OnceLock<Error>,
    /// Its number among the holders of elements.
    holder: OnceLock<usize>,
}

impl Backlog {
    fn holder(&self) -> usize {
        *self.holder.get_or_init(|| self.context.track(false))
    }

    pub(crate) fn context(&self) -> &GraphContext {
        &self.context
    }

    /// Counts finished elements; the last one has this number.
    pub(crate) fn leave(&self, last: u64, count: usize) {
        self.context.leave(self.holder(), last, count);
    }

    /// Everything up to this number is finished.
    pub(crate) fn reach(&self, number: u64) {
        self.context.reach(self.holder(), number);
    }

    /// Ends the run with this error, unless the task has failed before.
    pub(crate) fn fail(&self, error: Error) {
        self.context.fail(self.failed.get_or_init(|| error).clone());
    }

    fn failure(&self) -> Error {
        self.failed.get().cloned().unwrap_or(Error::Closed)
    }
}
