//! `scatter`: hands records to a pool.

use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::pool::Segment;
use crate::record::Record;
use crate::stream::{BoxFuture, Items, Node, Scattered, Stream};
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
    Ended,
}

impl Crossing {
    fn start(&self) -> Result<(), Error> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let mut gather = self.gather.lock().unwrap_or_else(PoisonError::into_inner);
        *gather = match std::mem::replace(&mut *gather, Gather::Ended) {
            Gather::Waiting(task) => Gather::Running(tokio::spawn(task)),
            other => other,
        };
        Ok(())
    }

    async fn close(&self) -> Result<(), Error> {
        self.start()?;
        self.segment.close();
        let gather = {
            let mut gather = self.gather.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *gather, Gather::Ended)
        };
        let Gather::Running(task) = gather else { return Ok(()) };
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down, and with it all that could wait for the result.
            Err(_) => Err(Error::Closed),
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
    fn accept(&self, items: Items<T>) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.crossing.start()?;
            self.crossing.segment.push(items.into_batch()).await
        })
    }

    fn pause(&self) -> BoxFuture<'_, Result<(), Error>> {
        // Records are taken up at once, and the gather sees for itself when there is nothing more.
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.crossing.close())
    }
}
