//! Sinks whose readers may go away, as `head` does: the others go on without them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::{Handling, Items, Node, Outlet, Stream};
use crate::Error;
use crate::progress::Holding;

/// How many sinks of a graph still have a reader.
#[derive(Debug, Default)]
pub(crate) struct Readers(AtomicUsize);

impl Readers {
    /// One has none any more. Whether there are others.
    fn leave(&self) -> bool {
        self.0.fetch_sub(1, Relaxed) > 1
    }
}

impl<T: Clone + Send + 'static> Stream<T> {
    /// The same for a sink: when its reader has gone, it gets no more, unless it is the last of these `readers`.
    pub(crate) fn while_read(self, readers: &Arc<Readers>) -> Self {
        readers.0.fetch_add(1, Relaxed);
        let readers = readers.clone();
        // It is the sink's, for people.
        self.attach("sink", |outlet| ReaderNode { outlet, readers, gone: AtomicBool::new(false) })
    }
}

struct ReaderNode<T> {
    outlet: Outlet<T>,
    readers: Arc<Readers>,
    gone: AtomicBool,
}

impl<T: Clone + Send + 'static> ReaderNode<T> {
    /// Goes on without a reader that has gone.
    async fn go_on(&self, handled: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        match handled.await {
            Err(error) if error.is_closed_pipe() => {
                let left = self.gone.swap(true, Relaxed) || self.readers.leave();
                if left { Ok(()) } else { Err(error) }
            }
            handled => handled,
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }
}

impl<T: Clone + Send + 'static> Node<T> for ReaderNode<T> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        if self.is_gone() {
            Handling::Done(Ok(()))
        } else {
            Handling::going(self.go_on(self.outlet.send(items)))
        }
    }

    fn pause(&self) -> Handling<'_> {
        if self.is_gone() { Handling::Done(Ok(())) } else { Handling::going(self.go_on(self.outlet.pause())) }
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.go_on(self.outlet.close()))
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
