//! Nodes of a graph that is monitored.

use super::{Handling, Items, Node};
use crate::Error;
use crate::monitor::{Meter, RunningCall};
use crate::progress::Holding;

/// A node, and its meter.
pub(crate) struct Metered<N> {
    node: N,
    meter: Meter,
}

impl<N> Metered<N> {
    pub(crate) fn new(node: N, meter: Meter) -> Self {
        Self { node, meter }
    }
}

async fn metered(handling: Handling<'_>, inside: RunningCall<'_>) -> Result<(), Error> {
    let handled = handling.await;
    drop(inside);
    handled
}

impl<T, N: Node<T>> Node<T> for Metered<N> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        let Some(inside) = self.meter.enter() else {
            return self.node.accept(items);
        };
        self.meter.count(items.len());
        match self.node.accept(items) {
            done @ Handling::Done(_) => done,
            going => Handling::going(metered(going, inside)),
        }
    }

    fn pause(&self) -> Handling<'_> {
        self.node.pause()
    }

    fn close(&self) -> Handling<'_> {
        self.node.close()
    }

    fn holding(&self) -> Holding {
        self.node.holding()
    }
}
