//! The node that calls a consumer.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::kept::KeptConsumer;
use crate::Error;
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::deadlines::waiting;
use crate::error::FunctionError;
use crate::graph::{Handling, Items, Node};
use crate::progress::{Detached, Holding, KeptNode, OutputState};

/// A consumer, and how many elements it takes per call.
pub(crate) trait Portions<T>: Send + 'static {
    fn take(
        &mut self,
        items: Items<T>,
        status: &DeliveryStatus,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    fn pause(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// How many records that were taken are still buffered.
    fn unwritten(&mut self) -> usize;

    fn note_output(&mut self) -> impl Future<Output = Result<Option<OutputState>, Error>> + Send;

    fn resume_output(&mut self, output: OutputState) -> impl Future<Output = Result<(), Error>> + Send;

    fn name(&self) -> &str;
}

pub(crate) struct ConsumerNode<P> {
    calls: Arc<Calls<P>>,
    kept: Arc<dyn KeptNode>,
}

/// Makes the calls, for the node and for flushes of the graph.
pub(super) struct Calls<P> {
    progress: Mutex<CallProgress<P>>,
    status: DeliveryStatus,
}

/// How far the consumer is.
struct CallProgress<P> {
    /// Taken at the end.
    portions: Option<P>,
    /// Its end, which goes on if a close is cancelled.
    ending: Option<Detached>,
    failed: Option<Error>,
    /// A call failed or was cancelled, so what it has done is not known.
    broken: bool,
}

impl<P: Send + 'static> ConsumerNode<P> {
    pub(crate) fn new<T: Send + 'static>(portions: P, status: DeliveryStatus) -> Self
    where
        P: Portions<T>,
    {
        let progress = CallProgress { portions: Some(portions), ending: None, failed: None, broken: false };
        let calls = Arc::new(Calls { progress: Mutex::new(progress), status });
        // The graph's context must not keep its own node.
        let flushed = Arc::downgrade(&calls);
        calls.status.context().on_flush(move || {
            let flushed = flushed.upgrade();
            Box::pin(async move { if let Some(calls) = flushed { calls.flush::<T>().await } else { Ok(()) } })
        });
        let kept = Arc::new(KeptConsumer::<P, T>::new(calls.clone()));
        Self { calls, kept }
    }
}

impl<P> Calls<P> {
    /// The file that it writes, and how much of that belongs to a checkpoint: it is `known` once it has ended.
    pub(super) async fn note_output<T: Send + 'static>(
        &self,
        known: impl FnOnce() -> Option<OutputState> + Send,
    ) -> Result<Option<OutputState>, Error>
    where
        P: Portions<T>,
    {
        if let Some(ending) = &self.progress.lock().await.ending {
            ending.end().await?;
            return Ok(known());
        }
        self.call::<T, _>(async |portions: &mut P| portions.note_output().await).await
    }

    /// Goes on with the file of an earlier run.
    pub(super) async fn resume_output<T: Send + 'static>(&self, output: OutputState) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        self.call::<T, _>(async |portions: &mut P| portions.resume_output(output).await).await
    }

    /// Lets the consumer write what is buffered. After its end, waits until everything is written.
    async fn flush<T: Send + 'static>(&self) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        if let Some(ending) = &self.progress.lock().await.ending {
            return ending.end().await;
        }
        self.call::<T, _>(async |portions: &mut P| portions.pause().await).await
    }

    /// Calls the consumer, unless an earlier call failed.
    async fn call<T: Send + 'static, O>(
        &self,
        act: impl AsyncFnOnce(&mut P) -> Result<O, Error>,
    ) -> Result<O, Error>
    where
        P: Portions<T>,
    {
        let mut progress = self.progress.lock().await;
        let CallProgress { portions, failed, broken, .. } = &mut *progress;
        if let Some(error) = failed {
            return Err(error.clone());
        }
        let portions = portions.as_mut().ok_or(Error::Closed)?;
        // For the next call, if this one is cancelled.
        *broken = true;
        *failed = Some(Error::Function(FunctionError::Abandoned { function: self.status.name().to_owned() }));
        let done = waiting(|| format!("the sink {}", self.status.name()), act(portions)).await;
        *failed = done.as_ref().err().cloned();
        // After a fault it is known that the record was not taken.
        *broken = failed.as_ref().is_some_and(|error| !is_fault(error));
        if *broken {
            self.status.lost(portions.unwritten());
        }
        done
    }

    async fn close<T: 'static>(&self) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        let mut progress = self.progress.lock().await;
        let CallProgress { portions, ending, failed, broken } = &mut *progress;
        // After a fault that ended the run, what was taken before it is written too.
        if !*broken && let Some(mut portions) = portions.take() {
            let told = format!("the end of the sink {}", self.status.name());
            let status = self.status.clone();
            let end = async move {
                let ended = waiting(|| told, portions.end()).await;
                if ended.is_err() {
                    status.lost(portions.unwritten());
                }
                ended
            };
            *ending = Some(Detached::new(end, self.status.context()));
        }
        let ended = match ending {
            Some(ending) => ending.end().await,
            None => Ok(()),
        };
        failed.clone().map_or(ended, Err)
    }
}

fn is_fault(error: &Error) -> bool {
    matches!(error, Error::Fault(_) | Error::TooManyFaults { .. })
}

impl<T: Send + 'static, P: Portions<T>> Node<T> for ConsumerNode<P> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        let Self { calls, .. } = self;
        Handling::going(
            calls.call::<T, _>(async |portions: &mut P| portions.take(items, &calls.status).await),
        )
    }

    fn pause(&self) -> Handling<'_> {
        Handling::going(self.calls.call::<T, _>(async |portions: &mut P| portions.pause().await))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.calls.close::<T>())
    }

    fn holding(&self) -> Holding {
        Holding::Kept(Arc::downgrade(&self.kept))
    }
}
