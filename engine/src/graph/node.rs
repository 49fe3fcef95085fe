//! Nodes and the edges between them: an edge is a call, and back-pressure is its `await`.

use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use super::Items;
use super::Metered;
use crate::Error;
use crate::error::GraphError;
use crate::monitor::Watched;
use crate::progress::BoxFuture;
use crate::progress::GraphContext;
use crate::progress::Holding;
use crate::progress::WaitGraph;

/// What a node does with what it is given: some are done at once, the others return a future.
pub(crate) enum Handling<'a> {
    Done(Result<(), Error>),
    Going(BoxFuture<'a, Result<(), Error>>),
}

impl<'a> Handling<'a> {
    pub(crate) fn going(future: impl Future<Output = Result<(), Error>> + Send + 'a) -> Self {
        Self::Going(Box::pin(future))
    }
}

impl Future for Handling<'_> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Done(result) => Poll::Ready(std::mem::replace(result, Ok(()))),
            Self::Going(future) => future.as_mut().poll(cx),
        }
    }
}

/// A vertex of the graph that takes elements of `T`.
///
/// Calls to one node never overlap, except after a union of streams.
pub(crate) trait Node<T>: Send + Sync {
    /// Takes elements; ready once this node and all that it called have accepted them.
    fn accept(&self, items: Items<T>) -> Handling<'_>;

    /// Nothing more is at hand: passes on what is held back only to be faster.
    fn pause(&self) -> Handling<'_>;

    /// There will be no more: ready once all that was accepted has reached its end.
    fn close(&self) -> Handling<'_>;

    /// What it keeps from one element to the next, for checkpoints. Asked once, when it is put into a graph.
    fn holding(&self) -> Holding;
}

/// How many nodes may follow one another. Each calls, closes and drops the next one, so a chain takes a part of the stack
/// for each node. Threads have 2 MiB.
pub(crate) const MOST_IN_A_ROW: usize = 100;

/// How many nodes one that calls a function counts for: it takes that much more of the stack.
pub(crate) const CALLS_COUNT: usize = 5;

/// Where a node's outputs go.
pub(crate) struct Outlet<T>(Arc<Edges<T>>);

struct Edges<T> {
    /// Most graphs do not fork: this node is reached without a lock.
    first: OnceLock<Arc<dyn Node<T>>>,
    others: RwLock<Vec<Arc<dyn Node<T>>>>,
    forks: AtomicBool,
    /// How many nodes are before it.
    depth: usize,
    waits: Arc<WaitGraph>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + 'static> Outlet<T> {
    /// The outlet of a node after `depth` others.
    pub(crate) fn new(context: &GraphContext, depth: usize) -> Self {
        Self(Arc::new(Edges {
            first: OnceLock::new(),
            others: RwLock::default(),
            forks: AtomicBool::new(false),
            depth,
            waits: context.waits.clone(),
        }))
    }

    /// How many nodes are before it.
    pub(crate) fn depth(&self) -> usize {
        self.0.depth
    }

    /// Puts a node after this. If there are too many before it, it is left out, and whatever comes is an error.
    pub(crate) fn connect(&self, node: impl Node<T> + 'static) {
        let node: Arc<dyn Node<T>> =
            if self.0.depth < MOST_IN_A_ROW { Arc::new(node) } else { Arc::new(OneTooMany) };
        let Err(node) = self.0.first.set(node) else { return };
        self.0.others.write().unwrap_or_else(PoisonError::into_inner).push(node);
        self.0.forks.store(true, Release);
    }

    /// The next node, unless there are none or several.
    fn only_node(&self) -> Option<&dyn Node<T>> {
        self.0.first.get().filter(|_| !self.0.forks.load(Acquire)).map(|node| &**node)
    }

    fn nodes(&self) -> Vec<Arc<dyn Node<T>>> {
        let others = self.0.others.read().unwrap_or_else(PoisonError::into_inner);
        self.0.first.get().into_iter().chain(&*others).cloned().collect()
    }

    /// Passes elements to all next nodes: whole to a single one, one by one where the graph forks.
    pub(crate) fn send(&self, items: Items<T>) -> Handling<'_> {
        match self.only_node() {
            Some(node) => node.accept(items),
            None => Handling::going(self.send_to_each(items)),
        }
    }

    async fn send_to_each(&self, items: Items<T>) -> Result<(), Error> {
        let nodes = self.nodes();
        for item in items {
            let (number, value) = item?;
            for node in &nodes {
                node.accept(Items::One(number, value.clone())).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn pause(&self) -> Handling<'_> {
        match self.only_node() {
            Some(node) => node.pause(),
            None => Handling::going(async {
                for node in self.nodes() {
                    node.pause().await?;
                }
                Ok(())
            }),
        }
    }

    /// Closes all next nodes, and returns the first error: one after another, as elements go to them. Where
    /// branches come together again one may have to wait for the end of the other, which is then begun too.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        let nodes = self.nodes();
        if let [only] = nodes.as_slice() {
            return only.close().await;
        }
        // The closing task waits for those that each close a branch.
        let _waiting = self.0.waits.wait();
        let beside = |node: &Arc<dyn Node<T>>| {
            let (acting, node) = (self.0.waits.begin(), node.clone());
            async move {
                let _acting = acting;
                node.close().await
            }
        };
        let mut left = nodes.iter();
        let (mut closing, mut result) = (FuturesOrdered::new(), Ok(()));
        loop {
            if closing.is_empty() {
                let Some(node) = left.next() else { return result };
                closing.push_back(beside(node));
            }
            tokio::select! {
                biased;
                Some(closed) = closing.next() => result = result.and(closed),
                () = self.0.waits.held_up(), if left.len() > 0 => {
                    closing.extend(left.next().map(beside));
                }
            }
        }
    }
}

/// In the place of a node that has too many before it.
struct OneTooMany;

impl OneTooMany {
    fn refuse() -> Handling<'static> {
        Handling::Done(Err(Error::Graph(GraphError::TooManyNodes { most: MOST_IN_A_ROW })))
    }
}

impl<T> Node<T> for OneTooMany {
    fn accept(&self, _: Items<T>) -> Handling<'_> {
        Self::refuse()
    }

    fn pause(&self) -> Handling<'_> {
        Self::refuse()
    }

    fn close(&self) -> Handling<'_> {
        Self::refuse()
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}

/// A stream of elements that the host handles: what operators and sinks are attached to.
///
/// Operators take it and return the next one; nothing happens until the source emits. Elements
/// that reach a stream without a sink are dropped. Functions of plugins run here one record at a
/// time, on one instance; [`scatter`](Self::scatter) runs them on a pool.
pub struct Stream<T> {
    pub(crate) outlet: Outlet<T>,
    pub(crate) context: Arc<GraphContext>,
    /// Its elements may come while the emitting task waits: from a task of its own, a timer or another source.
    pub(crate) apart: bool,
    /// Where it stands, if the graph is monitored.
    pub(crate) watched: Option<Watched>,
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// A second branch from here: elements go to the one that was begun first, and then to the other.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, list) = sinks::list();
    /// let numbers = source.stream();
    /// let doubled = numbers.branch().map(|x: i64| 2 * x);
    /// let negated = numbers.map(|x: i64| -x);
    /// doubled.union(negated).sink(sink);
    /// source.emit(1).await?;
    /// source.emit(2).await?;
    /// source.close().await?;
    /// assert_eq!(list.take(), [2, -1, 4, -2]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn branch(&self) -> Self {
        let (outlet, context, watched) = (self.outlet.clone(), self.context.clone(), self.watched.clone());
        Self { outlet, context, apart: self.apart, watched }
    }

    /// Attaches a node that makes elements of `U`, and returns their stream. `kind` is what people call it.
    pub(crate) fn attach<U, N>(self, kind: &str, make: impl FnOnce(Outlet<U>) -> N) -> Stream<U>
    where
        U: Clone + Send + 'static,
        N: Node<T> + 'static,
    {
        self.attach_as(1, kind, make)
    }

    /// The same, where the node counts as several in a row.
    pub(crate) fn attach_as<U, N>(
        self,
        count: usize,
        kind: &str,
        make: impl FnOnce(Outlet<U>) -> N,
    ) -> Stream<U>
    where
        U: Clone + Send + 'static,
        N: Node<T> + 'static,
    {
        let outlet = Outlet::new(&self.context, self.outlet.depth() + count);
        let node = make(outlet.clone());
        let watched = self.connect(kind, node);
        Stream { outlet, context: self.context, apart: self.apart, watched }
    }

    /// Puts a node after this. Returns where a stream after that stands, if the graph is monitored.
    pub(crate) fn connect(&self, kind: &str, node: impl Node<T> + 'static) -> Option<Watched> {
        self.context.holdings.add(kind, node.holding());
        let Some(watched) = &self.watched else {
            self.outlet.connect(node);
            return None;
        };
        let (behind, meter) = watched.behind(kind);
        self.outlet.connect(Metered::new(node, meter));
        Some(behind)
    }

    /// Gives the node that this stream comes from a name, which a [`Monitor`](crate::Monitor) shows.
    ///
    /// ```
    /// let monitor = engine::Monitor::new();
    /// let source = engine::Source::new().monitored(&monitor);
    /// source.stream().map(|x: i64| x + 1).named("inc").sink(|_: i64| {});
    /// assert_eq!(monitor.status().nodes[1].name, "inc");
    /// ```
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        if let Some(watched) = &self.watched {
            watched.rename(name);
        }
        self
    }
}

impl<T> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream<{}>", std::any::type_name::<T>())
    }
}
