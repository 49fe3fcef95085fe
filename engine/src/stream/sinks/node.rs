//! The node behind a consumer.

use tokio::sync::Mutex;

use super::tally::Tally;
use crate::Error;
use crate::stream::{Handling, Items, Node};

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
    portions: P,
    failed: Option<Error>,
    /// What it did in a call that failed, or was given up midway, is not known.
    broken: bool,
    ended: bool,
}

impl<P> ConsumerNode<P> {
    pub(super) fn new(portions: P, tally: Tally) -> Self {
        let state = State { portions, failed: None, broken: false, ended: false };
        Self { state: Mutex::new(state), tally }
    }

    /// Calls the consumer, unless an earlier call failed.
    async fn call(&self, act: impl AsyncFnOnce(&mut P) -> Result<(), Error>) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        state.begin(&self.tally);
        let done = act(&mut state.portions).await;
        state.finish(&done);
        done
    }

    async fn close<T>(&self) -> Result<(), Error>
    where
        P: Portions<T>,
    {
        let mut state = self.state.lock().await;
        if state.broken || state.ended {
            return state.failed.clone().map_or(Ok(()), Err);
        }
        // After a fault that ended the run, what was taken before is written out too.
        let failed = state.failed.clone();
        state.begin(&self.tally);
        let ended = state.portions.end().await;
        state.finish(&failed.clone().map_or(ended, Err));
        state.ended = true;
        state.failed.clone().map_or(Ok(()), Err)
    }
}

impl<P> State<P> {
    /// For whoever comes after a call that was given up.
    fn begin(&mut self, tally: &Tally) {
        self.broken = true;
        self.failed = Some(Error::Abandoned { function: tally.name().to_owned() });
    }

    fn finish(&mut self, done: &Result<(), Error>) {
        self.failed = done.clone().err();
        // A fault says that its record was not taken, and nothing else.
        self.broken = self.failed.as_ref().is_some_and(|error| !is_fault(error));
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
