//! A part of the graph that a task of its own serves, so that what is before it need not wait for it.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use super::wait_graph::WaitGraph;
use super::{BoxFuture, GraphContext};
use crate::Error;

/// The task that passes on what a node has taken, to its end. It starts with the first element: only then
/// is there sure to be a runtime.
pub(crate) struct Detached {
    task: Mutex<Task>,
    waits: Arc<WaitGraph>,
}

enum Task {
    Waiting(BoxFuture<'static, Result<(), Error>>),
    Running(JoinHandle<Result<(), Error>>),
    Ended(Result<(), Error>),
}

impl Detached {
    /// The task is one of those that act in the graph that `context` are of.
    pub(crate) fn new(
        task: impl Future<Output = Result<(), Error>> + Send + 'static,
        context: &GraphContext,
    ) -> Self {
        Self { task: Mutex::new(Task::Waiting(Box::pin(task))), waits: context.waits.clone() }
    }

    /// Starts it, if it does not run yet.
    pub(crate) async fn start(&self) {
        drop(self.started().await);
    }

    async fn started(&self) -> MutexGuard<'_, Task> {
        let mut task = self.task.lock().await;
        if matches!(*task, Task::Waiting(_))
            && let Task::Waiting(future) = std::mem::replace(&mut *task, Task::Ended(Err(Error::Closed)))
        {
            let acting = self.waits.begin();
            *task = Task::Running(tokio::spawn(async move {
                let _acting = acting;
                future.await
            }));
        }
        task
    }

    /// Waits until it has ended, which it was told to before. Given up midway, it can be called again.
    pub(crate) async fn end(&self) -> Result<(), Error> {
        let mut task = self.started().await;
        let ended = match &mut *task {
            Task::Running(running) => {
                let _waiting = self.waits.wait();
                running.await
            }
            Task::Ended(result) => return result.clone(),
            Task::Waiting(_) => return Ok(()),
        };
        match ended {
            Ok(result) => {
                *task = Task::Ended(result.clone());
                result
            }
            Err(error) => {
                // The runtime is shutting down, or a closure behind it panicked.
                *task = Task::Ended(Err(Error::Closed));
                if error.is_panic() {
                    resume_unwind(error.into_panic());
                }
                Err(Error::Closed)
            }
        }
    }
}
