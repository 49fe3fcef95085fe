//! The task that acknowledges messages while a run goes on, and gives the others back at its end.

use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::table::Table;
use super::{Acknowledge, Message};
use crate::Error;
use crate::progress::GraphContext;

/// How often to look whether the graph is gone, if no progress is reported.
const LOOK: Duration = Duration::from_secs(10);

/// Serves the messages of one source.
pub(super) struct Server<A: Acknowledge> {
    broker: Arc<A>,
    table: Arc<Table<A::Handle>>,
    context: Weak<GraphContext>,
    closing: CancellationToken,
    /// None before it starts, and after its end.
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    ended: OnceLock<Result<(), Error>>,
}

/// Fails the run if the task ends by a panic: nothing would be acknowledged any more.
struct EndGuard<'a, A: Acknowledge>(&'a Server<A>);

impl<A: Acknowledge> Drop for EndGuard<'_, A> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(context) = self.0.context.upgrade()
        {
            context.fail(Error::Closed);
        }
    }
}

impl<A: Acknowledge> Server<A> {
    pub(super) fn new(broker: Arc<A>, table: Arc<Table<A::Handle>>, context: &Arc<GraphContext>) -> Self {
        let context = Arc::downgrade(context);
        let (closing, task, ended) =
            (CancellationToken::new(), tokio::sync::Mutex::new(None), OnceLock::new());
        Self { broker, table, context, closing, task, ended }
    }

    /// Starts the task. Called once.
    pub(super) fn start(self: &Arc<Self>) {
        if let Ok(mut task) = self.task.try_lock() {
            *task = Some(tokio::spawn(self.clone().serve()));
        }
    }

    /// Acknowledges messages until the run has ended, or nothing is left of its graph.
    async fn serve(self: Arc<Self>) {
        let _guard = EndGuard(&self);
        let ended = tokio::select! {
            ended = self.acknowledge() => ended,
            () = self.report_progress() => Ok(()),
        };
        // Not every fault that ends a run was reported.
        if let Some(Error::Fault(fault)) = self.context.upgrade().and_then(|context| context.failed()) {
            self.table.fault(&fault);
        }
        self.broker.give_back(self.table.all()).await;
        // It is set only here.
        let _ = self.ended.set(ended);
    }

    /// Called when everything has left the graph, or the run has failed: waits until the last messages are acknowledged
    /// or given back. Panics if the broker's code has panicked.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.closing.cancel();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            let ended = running.await;
            *task = None;
            if let Err(error) = ended
                && error.is_panic()
            {
                resume_unwind(error.into_panic());
            }
        }
        // Without a result, the runtime is shutting down.
        self.ended.get().cloned().unwrap_or(Err(Error::Closed))
    }

    /// Says at intervals that messages are in progress, until the graph is gone.
    async fn report_progress(&self) {
        let interval = self.broker.progress_interval();
        while GraphContext::is_used(&self.context) {
            sleep(interval.unwrap_or(LOOK)).await;
            if interval.is_some() {
                self.broker.in_progress(self.table.handles()).await;
            }
        }
    }

    /// Acknowledges messages as they become done, until the run has ended.
    async fn acknowledge(&self) -> Result<(), Error> {
        let (mut done, mut due) = (self.table.watch_done(), Vec::new());
        loop {
            let closing = self.closing.is_cancelled();
            let last = *done.borrow_and_update();
            due.append(&mut self.table.due(last));
            // A flush that fails while the graph closes is repeated after that.
            let flushed = self.flush_for(&due).await;
            if flushed.is_ok() {
                self.acknowledge_all(std::mem::take(&mut due)).await?;
            }
            if closing {
                return flushed;
            }
            tokio::select! {
                () = self.closing.cancelled() => {}
                // After a failure the run ends soon.
                Ok(()) = done.changed(), if flushed.is_ok() => {}
            }
        }
    }

    /// Makes sinks write everything that they hold back of these messages.
    async fn flush_for(&self, messages: &[Message<A::Handle>]) -> Result<(), Error> {
        match self.context.upgrade() {
            Some(context) if !messages.is_empty() => {
                context.flush().await.inspect_err(|error| context.fail(error.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Acknowledges messages. If that fails, waits until the run has ended.
    async fn acknowledge_all(&self, messages: Vec<Message<A::Handle>>) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = messages.iter().map(Message::key).collect();
        if let Err(error) = self.broker.acknowledge(messages).await {
            if let Some(context) = self.context.upgrade() {
                context.fail(error.clone());
            }
            self.closing.cancelled().await;
            return Err(error);
        }
        keys.into_iter().for_each(|(place, serial)| self.table.settle(place, serial));
        Ok(())
    }
}
