//! A branch that can be taken from the graph while it runs.

use std::future::ready;
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::graph::{Handling, Items, Node, Outlet, Stream};
use crate::progress::{
    BoxFuture, Detached, GraphContext, Holding, KeptNode, SaveError, SavedNode, SavedTypes, Saver,
};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Returns the stream, and a handle that removes all nodes after this point from the graph while it runs.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Source, sinks};
    ///
    /// let source = Source::new();
    /// let (all, some) = (sinks::list(), sinks::list());
    /// source.stream().sink(all.0);
    /// let (branch, connection) = source.stream().disconnectable();
    /// branch.sink(some.0);
    /// source.emit(1).await?;
    /// connection.disconnect().await?;
    /// source.emit(2).await?;
    /// source.close().await?;
    /// assert_eq!((all.1.take(), some.1.take()), (vec![1, 2], vec![1]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn disconnectable(self) -> (Self, Connection) {
        let (mut connection, context) = (None, self.context.clone());
        let stream = self.attach("disconnectable", |outlet| {
            let (cut, passing, ending) = (CancellationToken::new(), Mutex::default(), OnceLock::new());
            let gate = Arc::new(Gate { outlet, cut, passing, ending, context });
            connection = Some(Connection(Arc::new(gate.clone())));
            GateNode(gate)
        });
        (stream, connection.expect("a node was made"))
    }
}

/// Takes a part of a graph from it. See [`disconnectable`](Stream::disconnectable).
#[derive(Clone)]
pub struct Connection(Arc<dyn Ends>);

impl Connection {
    /// Removes the nodes after this point from the graph: they get no more elements, pass on what they hold back, and
    /// have ended when this returns. Meanwhile the rest of the graph continues. A second call does nothing more. If
    /// the future is dropped early, the nodes end all the same.
    ///
    /// A node after this point must not wait for this call: it would wait for itself.
    ///
    /// If one of the removed nodes held elements, [`Progress::on_done`](crate::Progress::on_done) reports no later ones.
    ///
    /// # Errors
    ///
    /// The failure of a removed node.
    pub async fn disconnect(&self) -> Result<(), Error> {
        self.0.end().await
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// A gate without the type of its elements.
trait Ends: Send + Sync {
    fn end(&self) -> Handling<'_>;
}

struct Gate<T> {
    outlet: Outlet<T>,
    cut: CancellationToken,
    /// Held while elements go through. Holds the elements that were on their way when the nodes were removed.
    passing: Mutex<Option<BoxFuture<'static, Result<(), Error>>>>,
    /// The end of the removed nodes, once they are removed.
    ending: OnceLock<Detached>,
    context: Arc<GraphContext>,
}

impl<T: Clone + Send + 'static> Gate<T> {
    /// Passes something on, without waiting for nodes that were removed.
    async fn pass(
        &self,
        act: impl FnOnce(Outlet<T>) -> BoxFuture<'static, Result<(), Error>> + Send,
    ) -> Result<(), Error> {
        let mut left = self.passing.lock().await;
        if self.cut.is_cancelled() {
            return Ok(());
        }
        let mut passing = act(self.outlet.clone());
        tokio::select! {
            biased;
            passed = &mut passing => return passed,
            () = self.cut.cancelled() => {}
        }
        *left = Some(passing);
        Ok(())
    }

    async fn end(self: &Arc<Self>) -> Result<(), Error> {
        self.cut.cancel();
        let gate = self.clone();
        let close = async move {
            let left = gate.passing.lock().await.take();
            let passed = match left {
                Some(passing) => passing.await,
                None => Ok(()),
            };
            gate.outlet.close().await.and(passed)
        };
        self.ending.get_or_init(|| Detached::new(close, &self.context)).end().await
    }
}

impl<T: Clone + Send + 'static> Ends for Arc<Gate<T>> {
    fn end(&self) -> Handling<'_> {
        Handling::going(async {
            let _act = self.context.holdings.act().await;
            Gate::end(self).await
        })
    }
}

impl<T: Clone + Send + 'static> KeptNode for Gate<T> {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            match self.ending.get() {
                Some(ending) => ending.end().await,
                None => Ok(()),
            }
        })
    }

    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        let mut saver = Saver::new(types);
        saver.number(u64::from(self.cut.is_cancelled()));
        Box::pin(ready(Ok(SavedNode::with_state(1, saver.finish()))))
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        let restored = || {
            saved.check_version(1)?;
            let mut restorer = saved.restorer(types)?;
            if restorer.number()? > 0 {
                self.cut.cancel();
            }
            Ok(restorer.end()?)
        };
        Box::pin(ready(restored()))
    }
}

struct GateNode<T>(Arc<Gate<T>>);

impl<T: Clone + Send + 'static> Node<T> for GateNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.0.pass(|outlet| Box::pin(async move { outlet.send(items).await })))
    }

    fn pause(&self) -> Handling<'_> {
        Handling::going(self.0.pass(|outlet| Box::pin(async move { outlet.pause().await })))
    }

    fn close(&self) -> Handling<'_> {
        // The task that disconnected it waits for it.
        if self.0.cut.is_cancelled() { Handling::Done(Ok(())) } else { Handling::going(self.0.end()) }
    }

    fn holding(&self) -> Holding {
        let kept: Weak<Gate<T>> = Arc::downgrade(&self.0);
        Holding::Kept(kept)
    }
}
