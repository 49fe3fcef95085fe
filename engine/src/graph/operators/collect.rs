//! `collect`: elements are held until they are flushed.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use super::bounds::{Bounds, Room};
use crate::Error;
use crate::graph::{Handling, Items, Node, Operator, Outputs, Stream};
use crate::progress::WaitGraph;
use crate::progress::{BoxFuture, GraphContext, Holding, Keeps, Restorer, Save, Saver};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Holds elements until they are flushed, and gives them as one then, also if there are none. Once there
    /// are `most`, they come out by themselves; at the end come those that are left.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, days) = sinks::list();
    /// let (orders, flush) = source.stream().collect(NonZeroUsize::new(10_000).unwrap());
    /// orders.sink(sink);
    /// source.emit("a book").await?;
    /// source.emit("a pen").await?;
    /// flush.flush().await?;
    /// flush.flush().await?; // a day without any order
    /// source.emit("a cup").await?;
    /// source.close().await?;
    /// assert_eq!(days.take(), [vec!["a book", "a pen"], vec![], vec!["a cup"]]);
    /// # Ok(()) }
    /// ```
    pub fn collect(self, most: NonZeroUsize) -> (Stream<Vec<T>>, Flush) {
        self.collect_bounded(most, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn collect_bounded(self, most: NonZeroUsize, bounds: Bounds<T>) -> (Stream<Vec<T>>, Flush) {
        let (waits, context) = (self.context.waits.clone(), Arc::downgrade(&self.context));
        let (room, guard) = bounds.parts();
        let (stream, node) = self.through_node(Collect { held: Vec::new(), most, room, taken: 0 }, guard);
        let flush = move || -> BoxFuture<'static, Result<(), Error>> {
            let node = node.upgrade();
            Box::pin(async move {
                match node {
                    Some(node) => node.prompt(Collect::give).await,
                    None => Err(Error::Closed),
                }
            })
        };
        (Stream { apart: true, ..stream }, Flush { act: Arc::new(flush), waits, context })
    }

    /// The same; each element of `flushes` flushes what is held by then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    ///
    /// use engine::{Source, sinks};
    ///
    /// let (orders, evenings) = (Source::new(), Source::new());
    /// let (sink, days) = sinks::list();
    /// orders.stream().collect_on(&evenings.stream(), NonZeroUsize::new(10_000).unwrap()).sink(sink);
    /// orders.emit("a book").await?;
    /// evenings.emit(()).await?;
    /// evenings.emit(()).await?;
    /// orders.emit("a lamp").await?;
    /// orders.close().await?;
    /// assert_eq!(days.take(), [vec!["a book"], vec![], vec!["a lamp"]]);
    /// # evenings.close().await }
    /// ```
    pub fn collect_on<U>(self, flushes: &Stream<U>, most: NonZeroUsize) -> Stream<Vec<T>>
    where
        U: Clone + Send + 'static,
    {
        self.collect_on_bounded(flushes, most, Bounds::none())
    }

    /// The same for elements whose bytes are limited together.
    pub(crate) fn collect_on_bounded<U>(
        self,
        flushes: &Stream<U>,
        most: NonZeroUsize,
        bounds: Bounds<T>,
    ) -> Stream<Vec<T>>
    where
        U: Clone + Send + 'static,
    {
        self.meets(flushes);
        let (stream, flush) = self.collect_bounded(most, bounds);
        flushes.connect("flush", FlushNode(flush));
        stream
    }
}

/// Flushes with each element.
struct FlushNode(Flush);

impl<U: Send + 'static> Node<U> for FlushNode {
    fn accept(&self, items: Items<U>) -> Handling<'_> {
        Handling::going(async {
            for item in items {
                item?;
                match (self.0.act)().await {
                    // There is nothing any more that could be flushed.
                    Ok(()) | Err(Error::Closed) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn pause(&self) -> Handling<'_> {
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::Done(Ok(()))
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}

/// Lets a [`collect`](Stream::collect) give what it holds.
#[derive(Clone)]
pub struct Flush {
    act: Arc<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>,
    waits: Arc<WaitGraph>,
    context: Weak<GraphContext>,
}

impl Flush {
    /// Passes on what was collected as one element, and waits until all later nodes have accepted it.
    ///
    /// # Errors
    ///
    /// The failure of a later node; [`Error::Closed`] once the stream has ended.
    pub async fn flush(&self) -> Result<(), Error> {
        // The caller is an actor beside the task that emits.
        let _acting = self.waits.begin();
        let Some(context) = self.context.upgrade() else { return Err(Error::Closed) };
        let _act = context.holdings.act().await;
        (self.act)().await
    }
}

impl std::fmt::Debug for Flush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flush")
    }
}

struct Collect<T> {
    held: Vec<T>,
    most: NonZeroUsize,
    room: Room<T>,
    /// The bytes that the held elements take.
    taken: usize,
}

impl<T: Clone + Send + 'static> Collect<T> {
    fn give(&mut self, outputs: &mut Outputs<Vec<T>>) {
        self.taken = 0;
        outputs.give(std::mem::take(&mut self.held));
    }
}

impl<T: 'static> Save for Collect<T> {
    fn save(&self, saver: &mut Saver<'_>) -> Result<(), String> {
        saver.values(&self.held)
    }

    fn restore(&mut self, restorer: &mut Restorer<'_>) -> Result<(), String> {
        self.held = restorer.values()?;
        self.taken = self.held.iter().map(|element| self.room.weigh(element)).sum();
        Ok(())
    }
}

impl<T: Clone + Send + 'static> Operator<T> for Collect<T> {
    type Output = Vec<T>;

    fn take(&mut self, element: T, outputs: &mut Outputs<Vec<T>>) -> Result<(), String> {
        self.taken = self.room.with(self.taken, &element)?;
        self.held.push(element);
        if self.held.len() >= self.most.get() {
            self.give(outputs);
        }
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::State(self)
    }

    fn end(&mut self, outputs: &mut Outputs<Vec<T>>) {
        if !self.held.is_empty() {
            self.give(outputs);
        }
    }

    fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }
}
