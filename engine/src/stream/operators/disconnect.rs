//! A branch that can be taken from the graph while it runs.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::Error;
use crate::stream::{Handling, Items, Node, Outlet, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// The stream, and a handle that takes all that is behind here from the graph while it runs.
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
        let mut connection = None;
        let stream = self.attach(|outlet| {
            let gate = Arc::new(Gate { outlet, open: Mutex::new(true) });
            connection = Some(Connection(gate.clone()));
            GateNode(gate)
        });
        (stream, connection.expect("a node was made"))
    }
}

/// Takes a part of a graph from it. See [`disconnectable`](Stream::disconnectable).
#[derive(Clone)]
pub struct Connection(Arc<dyn Ends>);

impl Connection {
    /// Takes what is behind from the graph: it gets no more elements, gives what it holds back, and has ended
    /// when this returns. The rest of the graph goes on. A second time it does nothing.
    ///
    /// [`Source::on_done`](crate::Source::on_done) is told of no later element if a node behind here held any.
    ///
    /// # Errors
    ///
    /// The failure of what is behind.
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
    /// Held while elements go through.
    open: Mutex<bool>,
}

impl<T: Clone + Send + 'static> Gate<T> {
    async fn pass(&self, items: Items<T>) -> Result<(), Error> {
        let open = self.open.lock().await;
        if *open { self.outlet.send(items).await } else { Ok(()) }
    }
}

impl<T: Clone + Send + 'static> Ends for Gate<T> {
    fn end(&self) -> Handling<'_> {
        Handling::going(async {
            let mut open = self.open.lock().await;
            if !*open {
                return Ok(());
            }
            let closed = self.outlet.close().await;
            *open = false;
            closed
        })
    }
}

struct GateNode<T>(Arc<Gate<T>>);

impl<T: Clone + Send + 'static> Node<T> for GateNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(self.0.pass(items))
    }

    fn pause(&self) -> Handling<'_> {
        Handling::going(async {
            let open = self.0.open.lock().await;
            if *open { self.0.outlet.pause().await } else { Ok(()) }
        })
    }

    fn close(&self) -> Handling<'_> {
        self.0.end()
    }
}
