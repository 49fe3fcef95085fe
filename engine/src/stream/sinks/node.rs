//! The node behind a consumer.

use tokio::sync::Mutex;

use super::tally::Tally;
use crate::Error;
use crate::stream::{Detached, Handling, Items, Node};

/// A consumer, and in what portions it is given elements.
pub(super) trait Portions<T>: Send + 'static {
    fn take(&mut self, items: Items<T>, tally: &Tally) -> impl Future<Output = Result<(), Error>> + Send;

    fn pause(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    fn name(&self) -> &str;
}

pub(super) struct ConsumerNode<P> {
    state: Mutex<State<P>>,
    tally: Tally,
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

impl<P> ConsumerNode<P> {
    pub(super) fn new(portions: P, tally: Tally) -> Self {
        let state = State { portions: Some(portions), ending: None, failed: None, broken: false };
        Self { state: Mutex::new(state), tally }
    }

    /// Calls the consumer, unless an earlier call failed.
    async fn call(&self, act: impl AsyncFnOnce(&mut P) -> Result<(), Error>) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let State { portions, failed, broken, .. } = &mut *state;
        if let Some(error) = failed {
            return Err(error.clone());
        }
        let portions = portions.as_mut().ok_or(Error::Closed)?;
        // For whoever comes after a call that was given up.
        *broken = true;
        *failed = Some(Error::Abandoned { function: self.tally.name().to_owned() });
        let done = act(portions).await;
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
            *ending = Some(Detached::new(async move { portions.end().await }, self.tally.counters()));
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
        Handling::going(self.call(async |portions: &mut P| portions.take(items, &self.tally).await))
    }

    fn pause(&self) -> Handling<'_> {
        Handling::going(self.call(async |portions: &mut P| portions.pause().await))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(Self::close::<T>(self))
    }
}
