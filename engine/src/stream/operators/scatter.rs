//! `scatter`: hands records to a pool.

use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::pool::Segment;
use crate::record::Record;
use crate::stream::{BoxFuture, Handling, Items, Node, Scattered, Stream};
use crate::{Error, Pool};

impl<T: Record> Stream<T> {
    /// Hands records to the pool's workers, until [`gather`](Scattered::gather) takes the results back.
    ///
    /// Without a [`buffer`](Scattered::buffer), exactly one record is unfinished at a time.
    pub fn scatter(self, pool: &Pool) -> Scattered<T> {
        let outlet = self.outlet;
        Scattered {
            pool: pool.clone(),
            connect: Box::new(move |crossing| {
                outlet.connect(ScatterNode::<T> { crossing, types: PhantomData });
            }),
            counters: self.counters,
            stages: Vec::new(),
            buffer: None,
            complete: false,
            mistake: None,
            types: PhantomData,
        }
    }
}

/// A segment, with the task that gathers its results.
pub(crate) struct Crossing {
    pub(crate) segment: Arc<Segment>,
    pub(crate) mistake: Option<Error>,
    pub(crate) gather: Mutex<Gather>,
}

/// The gathering side, which starts with the first record: only then is there sure to be a runtime.
pub(crate) enum Gather {
    Waiting(BoxFuture<'static, Result<(), Error>>),
    Running(JoinHandle<Result<(), Error>>),
    Ended(Result<(), Error>),
}

impl Crossing {
    async fn start(&self) -> Result<MutexGuard<'_, Gather>, Error> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let mut gather = self.gather.lock().await;
        if matches!(*gather, Gather::Waiting(_))
            && let Gather::Waiting(task) = std::mem::replace(&mut *gather, Gather::Ended(Err(Error::Closed)))
        {
            *gather = Gather::Running(tokio::spawn(task));
        }
        Ok(gather)
    }

    /// Waits until all is gathered. Given up midway, it can be called again.
    async fn close(&self) -> Result<(), Error> {
        let mut gather = self.start().await?;
        self.segment.close();
        let ended = match &mut *gather {
            Gather::Running(task) => task.await,
            Gather::Ended(result) => return result.clone(),
            Gather::Waiting(_) => return Ok(()),
        };
        match ended {
            Ok(result) => {
                *gather = Gather::Ended(result.clone());
                result
            }
            Err(error) => {
                // The runtime is shutting down, or a closure behind the gather panicked.
                *gather = Gather::Ended(Err(Error::Closed));
                if error.is_panic() {
                    resume_unwind(error.into_panic());
                }
                Err(Error::Closed)
            }
        }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        // The task ends once it has passed on what is there.
        self.segment.close();
    }
}

struct ScatterNode<T> {
    crossing: Crossing,
    types: PhantomData<fn(T)>,
}

impl<T: Record> Node<T> for ScatterNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async move {
            drop(self.crossing.start().await?);
            let segment = &self.crossing.segment;
            match items {
                Items::One(..) => segment.push_here(items.into_batch()?).await,
                Items::Records(_) => segment.push(items.into_batch()?).await,
            }
        })
    }

    fn pause(&self) -> Handling<'_> {
        // Records are taken up at once, and the gather sees for itself when there is nothing more.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.crossing.close())
    }
}
