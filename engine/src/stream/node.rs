//! Nodes and the edges between them: an edge is a call, and back-pressure is its `await`.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Counters, Items};
use crate::Error;

/// A boxed future, as trait objects need it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A vertex of the graph that takes elements of `T`.
///
/// Calls to one node never overlap, except after a union of streams.
pub(crate) trait Node<T>: Send + Sync {
    /// Takes elements; ready once this node and all that it called have accepted them.
    fn accept(&self, items: Items<T>) -> BoxFuture<'_, Result<(), Error>>;

    /// Nothing more is at hand: passes on what is held back only to be faster.
    fn pause(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// There will be no more: ready once all that was accepted has reached its end.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// Where a node's outputs go.
pub(crate) struct Outlet<T>(Arc<RwLock<Vec<Arc<dyn Node<T>>>>>);

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + 'static> Outlet<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn connect(&self, node: impl Node<T> + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(node));
    }

    fn nodes(&self) -> Vec<Arc<dyn Node<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn only_node(&self) -> Option<Arc<dyn Node<T>>> {
        match &**self.0.read().unwrap_or_else(PoisonError::into_inner) {
            [node] => Some(node.clone()),
            _ => None,
        }
    }

    /// Passes elements to all nodes behind: whole to a single one, one by one where the graph forks.
    pub(crate) async fn send(&self, items: Items<T>) -> Result<(), Error> {
        if let Some(node) = self.only_node() {
            return node.accept(items).await;
        }
        let nodes = self.nodes();
        for item in items {
            let (number, value) = item?;
            for node in &nodes {
                node.accept(Items::one(number, value.clone())).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn pause(&self) -> Result<(), Error> {
        if let Some(node) = self.only_node() {
            return node.pause().await;
        }
        for node in self.nodes() {
            node.pause().await?;
        }
        Ok(())
    }

    /// Closes all nodes behind, and returns the first error.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for node in self.nodes() {
            result = result.and(node.close().await);
        }
        result
    }
}

/// A stream of elements that the host handles: what operators and sinks are attached to.
///
/// Operators take it and return the next one; nothing happens until the source emits. Elements
/// that reach a stream without a sink are dropped. Functions of plugins run here one record at a
/// time, on one instance; [`scatter`](Self::scatter) runs them on a pool.
pub struct Stream<T> {
    pub(crate) outlet: Outlet<T>,
    pub(crate) counters: Arc<Counters>,
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// Attaches a node that makes elements of `U`, and returns their stream.
    pub(crate) fn attach<U, N>(self, make: impl FnOnce(Outlet<U>) -> N) -> Stream<U>
    where
        U: Clone + Send + 'static,
        N: Node<T> + 'static,
    {
        let outlet = Outlet::new();
        self.outlet.connect(make(outlet.clone()));
        Stream { outlet, counters: self.counters }
    }
}

impl<T> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream<{}>", std::any::type_name::<T>())
    }
}
