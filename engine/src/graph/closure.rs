//! A closure as a sink.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Handling, Items, Node, Sink, Stream};
use crate::Error;
use crate::progress::GraphContext;
use crate::progress::Holding;

impl<T, F> Sink<T> for F
where
    T: Clone + Send + 'static,
    F: FnMut(T) + Send + 'static,
{
    fn attach(self, stream: Stream<T>) {
        let context = stream.context.clone();
        stream.connect("sink", ClosureNode { f: Mutex::new(self), context });
    }
}

struct ClosureNode<F> {
    f: Mutex<F>,
    context: Arc<GraphContext>,
}

impl<F> ClosureNode<F> {
    fn take<T>(&self, items: Items<T>) -> Result<(), Error>
    where
        F: FnMut(T),
    {
        let mut f = self.f.lock().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            let (number, value) = item?;
            f(value);
            self.context.deliver(1, number);
        }
        Ok(())
    }
}

impl<T, F> Node<T> for ClosureNode<F>
where
    T: Send + 'static,
    F: FnMut(T) + Send,
{
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::Done(self.take(items))
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
