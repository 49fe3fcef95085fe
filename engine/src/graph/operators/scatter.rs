//! `scatter`: hands records to a pool.

use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use crate::executor::Segment;
use crate::graph::Metered;
use crate::graph::crossing::Crossing;
use crate::graph::{Handling, Items, Node, Scattered, Stream};
use crate::progress::Holding;
use crate::record::{Batch, Record};
use crate::{Error, FaultPolicy, Pool};

impl<T: Record> Stream<T> {
    /// Hands records to the pool's threads, until [`gather`](Scattered::gather) takes the results back.
    ///
    /// Without a [`buffer`](Scattered::buffer), exactly one record is unfinished at a time.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, numbers) = sinks::list();
    /// source.stream().scatter(&pool).gather().sink(sink);
    /// for x in 0..5 {
    ///     source.emit(x).await?;
    ///     assert!(source.progress().counts().unfinished <= 1);
    /// }
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [0, 1, 2, 3, 4]);
    /// # Ok(()) }
    /// ```
    pub fn scatter(self, pool: &Pool) -> Scattered<T> {
        let depth = self.outlet.depth();
        let (outlet, before) = (self.outlet, self.watched.clone());
        let (untouched, context) = (Some(outlet.clone()), self.context.clone());
        let scattering = self.watched.as_ref().map(|watched| watched.behind("scatter"));
        let (watched, meter) = scattering.unzip();
        Scattered {
            pool: pool.clone(),
            connect: Box::new(move |crossing| {
                let node = ScatterNode::<T> { crossing, types: PhantomData };
                context.holdings.add("scatter", node.holding());
                match meter {
                    Some(meter) => outlet.connect(Metered::new(node, meter)),
                    None => outlet.connect(node),
                }
            }),
            context: self.context,
            before,
            watched,
            depth,
            stages: Vec::new(),
            buffer: None,
            complete: false,
            untouched,
            unbuffered: Vec::new(),
            misuse: None,
            types: PhantomData,
        }
    }
}

/// An element's bytes. One that is too long is a fault of the function that it should have gone to.
fn batch<T: Record>(segment: &Segment, items: Items<T>) -> Result<Option<Batch>, Error> {
    let context = segment.context();
    match segment.stages.first() {
        Some(first) => items.into_batch(first.name(), first.policy(), context),
        None => items.into_batch("scatter", &FaultPolicy::stop(), context),
    }
}

struct ScatterNode<T> {
    crossing: Crossing,
    types: PhantomData<fn(T)>,
}

impl<T: Record> Node<T> for ScatterNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async move {
            let Crossing { segment, misuse, gather } = &self.crossing;
            if let Some(misuse) = misuse {
                return Err(misuse.clone());
            }
            gather.start().await;
            match items {
                Items::One(..) => match batch(segment, items)? {
                    Some(one) => segment.push_here(one).await,
                    None => Ok(()),
                },
                Items::Records(records) => segment.push(records.batch).await,
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

    fn holding(&self) -> Holding {
        let kept: Weak<Segment> = Arc::downgrade(&self.crossing.segment);
        Holding::Kept(kept)
    }
}
