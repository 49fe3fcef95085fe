//! A node that calls a closure with each element, and passes on what it returns.

use std::sync::{Mutex, PoisonError};

use super::{Handling, Items, Node, Outlet, Stream};
use crate::progress::Holding;

impl<T: Clone + Send + 'static> Stream<T> {
    /// What `f` returns for each element; elements for which it returns none are left out.
    pub(super) fn unary<U: Clone + Send + 'static>(
        self,
        kind: &str,
        f: impl FnMut(T) -> Option<U> + Send + 'static,
    ) -> Stream<U> {
        self.attach(kind, |outlet| UnaryNode { f: Mutex::new(f), outlet })
    }
}

struct UnaryNode<F, U> {
    f: Mutex<F>,
    outlet: Outlet<U>,
}

impl<F, U: Clone + Send + 'static> UnaryNode<F, U> {
    fn take<T>(&self, number: u64, element: T) -> Handling<'_>
    where
        F: FnMut(T) -> Option<U>,
    {
        let output = (self.f.lock().unwrap_or_else(PoisonError::into_inner))(element);
        match output {
            Some(output) => self.outlet.send(Items::One(number, output)),
            None => Handling::Done(Ok(())),
        }
    }
}

impl<T, U, F> Node<T> for UnaryNode<F, U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
    F: FnMut(T) -> Option<U> + Send,
{
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        match items {
            Items::One(number, element) => self.take(number, element),
            items => Handling::going(async move {
                for item in items {
                    let (number, element) = item?;
                    self.take(number, element).await?;
                }
                Ok(())
            }),
        }
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }

    fn holding(&self) -> Holding {
        Holding::Nothing
    }
}
