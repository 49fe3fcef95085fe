//! The node behind a consumer.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::Error;
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::deadlines::waiting;
use crate::error::FunctionError;
use crate::graph::{Handling, Items, Node};
use crate::progress::Detached;

/// A consumer, and in what portions it is given elements.
pub(crate) trait Portions<T>: Send + 'static {
    fn take(
        &mut self,
        items: Items<T>,
        status: &DeliveryStatus,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    fn pause(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    fn name(&self) -> &str;
}

pub(crate) struct ConsumerNode<P>(Arc<Shared<P>>);

/// What the node has, shared with what flushes it.
struct Shared<P> {
    state: Mutex<State<P>>,
    status: DeliveryStatus,
}

struct State<P> {
    /// Taken at the end.
    portions: Option<P>,
    /// Its end, which goes on if a close is given up.
    ending: Option<Detached>,
    failed: Option<Error>,
    /// What it did in a call that failed, or was given up midway, is not known.
    broken: bool,
}

impl<P: Send + 'static> ConsumerNode<P> {
    pub(crate) fn new<T: Send + 'static>(portions: P, status: DeliveryStatus) -> Self
    where
        P: Portions<T>,
    {
        let state = State { portions: Some(portions), ending: None, failed: None, broken: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), status });
        // They belong to one another, and are gone together.
        let flushed = Arc::downgrade(&shared);
        shared.status.context().on_flush(move || {
            let flushed = flushed.upgrade();
            Box::pin(
                async move { if let Some(shared) = flushed { shared.flush::<T>().await } else { Ok(()) } },
            )
        });
        Self(shared)
    }
}

impl<P> Shared<P> {
    /// Lets the consumer pass on what it holds back; after its end that is all that it took.
    async fn flush<T: Send + 'static>(&self) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        if let Some(ending) = &self.state.lock().await.ending {
            return ending.end().await;
        }
        self.call(async |portions: &mut P| portions.pause().await).await
    }

    /// Calls the consumer, unless an earlier call failed.
    async fn call(&self, act: impl AsyncFnOnce(&mut P) -> Result<(), Error>) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let State { portions, failed, broken, .. } = &mut *state;
        if let Some(error) = failed {
            return Err(error.clone());
        }
        let portions = portions.as_mut().ok_or(Error::Closed)?;
        // For the next call after one that was given up.
        *broken = true;
        *failed = Some(Error::Function(FunctionError::Abandoned { function: self.status.name().to_owned() }));
        let done = waiting(|| format!("the sink {}", self.status.name()), act(portions)).await;
        *failed = done.clone().err();
        // A fault says that its record was not taken, and nothing else.
        *broken = failed.as_ref().is_some_and(|error| !is_fault(error));
        done
    }

    async fn close<T: 'static>(&self) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        let mut state = self.state.lock().await;
        let State { portions, ending, failed, broken } = &mut *state;
        // After a fault that ended the run, what was taken before is written out too.
        if !*broken && let Some(mut portions) = portions.take() {
            let told = format!("the end of the sink {}", self.status.name());
            let end = async move { waiting(|| told, portions.end()).await };
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
        let Self(shared) = self;
        Handling::going(shared.call(async |portions: &mut P| portions.take(items, &shared.status).await))
    }

    fn pause(&self) -> Handling<'_> {
        Handling::going(self.0.call(async |portions: &mut P| portions.pause().await))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.0.close::<T>())
    }
}
