//! Nodes where two streams come together.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire, Release},
};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::contract::{BinaryOperator, Side};
use super::kept::KeptBinary;
use crate::Error;
use crate::error::GraphError;
use crate::graph::{Handling, Items, Metered, Node, Outlet, Stream};
use crate::progress::GraphContext;
use crate::progress::Holding;

impl<A: Clone + Send + 'static> Stream<A> {
    /// Notes that streams come together. Whether they are of one source.
    pub(in crate::graph) fn meets<B>(&self, other: &Stream<B>) -> bool {
        let one_source = Arc::ptr_eq(&self.context, &other.context);
        if !one_source {
            for context in [&self.context, &other.context] {
                context.waits.open();
                context.mix();
            }
        }
        one_source
    }

    /// Brings two streams together. The result counts with the source of the first one.
    pub(in crate::graph) fn binary<B, J>(self, other: Stream<B>, operator: J) -> Stream<J::Output>
    where
        B: Clone + Send + 'static,
        J: BinaryOperator<A, B>,
    {
        let kind = operator.name().to_owned();
        let state = Operation {
            operator,
            outputs: VecDeque::new(),
            last: 0,
            taken: 0,
            ended: [false; 2],
            failed: None,
        };
        let one_source = self.meets(&other);
        let depth = self.outlet.depth().max(other.outlet.depth());
        let outlet = Outlet::new(&self.context, depth + 1);
        let binary = Arc::new(BinaryNode {
            state: Mutex::new(state),
            moved: Notify::new(),
            one_source,
            together: !self.apart && !other.apart,
            context: [self.context.clone(), other.context],
            tracked: OnceLock::new(),
            moving: AtomicBool::new(true),
            admits: AtomicBool::new(false),
            outlet: outlet.clone(),
        });
        let kept = Arc::new(KeptBinary::<_, A, B, _>::new(binary.clone()));
        self.context.holdings.add(&kind, kept.holding());
        let types = PhantomData;
        let first = SideOf::<_, A, B, _> { node: FirstNode(binary.clone()), _kept: kept, types };
        let second = SideOf::<_, A, B, _> { node: SecondNode(binary), _kept: (), types };
        // Both sides are one node for people.
        let watched = match (&self.watched, &other.watched) {
            (Some(one), Some(both)) => {
                let (behind, [one, both]) = one.behind_both(both, &kind);
                self.outlet.connect(Metered::new(first, one));
                other.outlet.connect(Metered::new(second, both));
                Some(behind)
            }
            _ => {
                self.outlet.connect(first);
                other.outlet.connect(second);
                None
            }
        };
        let apart = !one_source || self.apart && other.apart;
        Stream { outlet, context: self.context, apart, watched }
    }
}

pub(super) struct BinaryNode<J, U> {
    pub(super) state: Mutex<Operation<J, U>>,
    /// A side took an element, or ended.
    pub(super) moved: Notify,
    /// Both sides count with one source: numbers stay, else outputs are counted anew.
    one_source: bool,
    /// The emitting task passes on both sides: neither moves while the other one waits.
    together: bool,
    context: [Arc<GraphContext>; 2],
    tracked: OnceLock<usize>,
    /// Something may have gone after it since it last passed on a pause.
    moving: AtomicBool,
    /// A checkpoint is being taken, for which no element waits.
    pub(super) admits: AtomicBool,
    outlet: Outlet<U>,
}

/// An operator of two streams at work.
pub(super) struct Operation<J, U> {
    pub(super) operator: J,
    /// What was given and not passed on yet.
    outputs: VecDeque<U>,
    /// The number of the last output.
    pub(super) last: u64,
    /// The number of the last element that was taken.
    pub(super) taken: u64,
    pub(super) ended: [bool; 2],
    pub(super) failed: Option<Error>,
}

impl<J, U: Clone + Send + 'static> BinaryNode<J, U> {
    /// Waits until there is room for an element of a side.
    async fn enter<A, B>(&self, side: Side) -> Result<MutexGuard<'_, Operation<J, U>>, Error>
    where
        J: BinaryOperator<A, B, Output = U>,
    {
        loop {
            let mut moved = pin!(self.moved.notified());
            let state = match self.state.try_lock() {
                Ok(state) => state,
                Err(_) => {
                    let _waiting = self.context[0].waits.wait();
                    self.state.lock().await
                }
            };
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.operator.has_room(side) || state.ended[side.other() as usize] {
                return Ok(state);
            }
            if self.one_source && self.together {
                return Err(Error::Graph(GraphError::Deadlock { node: state.operator.name().to_owned() }));
            }
            // In the line before others can move.
            moved.as_mut().enable();
            if self.admits.load(Acquire) {
                return Ok(state);
            }
            drop(state);
            let waits = &self.context[0].waits;
            let _waiting = waits.wait();
            let _held_up = self.context.each_ref().map(|context| context.waits.hold_up());
            tokio::select! {
                () = moved => {}
                () = waits.deadlock() => {
                    let node = self.state.lock().await.operator.name().to_owned();
                    return Err(Error::Graph(GraphError::Deadlock { node }));
                }
            }
        }
    }

    /// An element of `number` was taken: passes on what came of it.
    async fn leave<A, B>(&self, mut state: MutexGuard<'_, Operation<J, U>>, number: u64) -> Result<(), Error>
    where
        J: BinaryOperator<A, B, Output = U>,
    {
        self.moved.notify_waiters();
        state.taken = state.taken.max(number);
        let passed = self.pass_on(&mut state).await;
        if let Err(error) = &passed {
            state.failed = Some(error.clone());
            self.context.iter().for_each(|context| context.fail(error.clone()));
        }
        let holds = state.operator.holds_back();
        if passed.is_ok() && self.one_source && (holds || self.tracked.get().is_some()) {
            let place = *self.tracked.get_or_init(|| self.context[0].track(true));
            match holds {
                true => self.context[0].take(place, number, number),
                false => self.context[0].reach(place, state.taken),
            }
        }
        passed
    }

    pub(super) async fn pass_on(&self, state: &mut Operation<J, U>) -> Result<(), Error> {
        while let Some(output) = state.outputs.pop_front() {
            state.last = if self.one_source { state.taken } else { state.last + 1 };
            self.outlet.send(Items::One(state.last, output)).await?;
            // What has gone on is to get through, though the rest may wait for the other side.
            self.moving.store(true, Release);
        }
        Ok(())
    }

    /// Passes on a pause, unless nothing came since the last one: it comes by both sides, and where many branches
    /// meet again one after another each of them would double it.
    fn pause(&self) -> Handling<'_> {
        if !self.moving.swap(false, AcqRel) {
            return Handling::Done(Ok(()));
        }
        match self.outlet.pause() {
            Handling::Going(paused) => Handling::going({
                let moving = Moving(&self.moving);
                async move {
                    paused.await?;
                    // A call that is dropped before that leaves it to the next one.
                    std::mem::forget(moving);
                    Ok(())
                }
            }),
            done => done,
        }
    }

    /// A side has ended. With the other one, the next nodes end too.
    async fn close<A, B>(&self, side: Side) -> Result<(), Error>
    where
        J: BinaryOperator<A, B, Output = U>,
    {
        let mut state = self.state.lock().await;
        state.ended[side as usize] = true;
        state.operator.end(side);
        self.moved.notify_waiters();
        if !state.ended[side.other() as usize] {
            return Ok(());
        }
        let mut result = state.failed.clone().map_or(Ok(()), Err);
        if result.is_ok() {
            result = self.pass_on(&mut state).await;
        }
        let closed = self.outlet.close().await.and(result);
        if let Some(place) = self.tracked.get().filter(|_| closed.is_ok()) {
            self.context[0].reach(*place, state.taken);
        }
        closed
    }
}

/// From when this is dropped a pause is passed on.
struct Moving<'a>(&'a AtomicBool);

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}

macro_rules! side {
    ($node:ident, $side:expr, $take:ident, $element:ident) => {
        struct $node<J, U>(Arc<BinaryNode<J, U>>);

        impl<A, B, J, U, K: Send + Sync> Node<$element> for SideOf<$node<J, U>, A, B, K>
        where
            A: Clone + Send + 'static,
            B: Clone + Send + 'static,
            U: Clone + Send + 'static,
            J: BinaryOperator<A, B, Output = U>,
        {
            fn accept(&self, items: Items<$element>) -> Handling<'_> {
                let binary = &self.node.0;
                Handling::going(async move {
                    let _moving = Moving(&binary.moving);
                    for item in items {
                        let (number, element) = item?;
                        let mut state = binary.enter::<A, B>($side).await?;
                        let Operation { operator, outputs, .. } = &mut *state;
                        operator.$take(element, outputs);
                        binary.leave::<A, B>(state, number).await?;
                    }
                    Ok(())
                })
            }

            fn pause(&self) -> Handling<'_> {
                self.node.0.pause()
            }

            fn close(&self) -> Handling<'_> {
                Handling::going(self.node.0.close::<A, B>($side))
            }

            fn holding(&self) -> Holding {
                // Both sides are one node.
                Holding::Nothing
            }
        }
    };
}

/// A side's node, with the types of both.
struct SideOf<N, A, B, K> {
    node: N,
    /// Keeps it for checkpoints.
    _kept: K,
    types: PhantomData<fn(A, B)>,
}

side!(FirstNode, Side::First, first, A);
side!(SecondNode, Side::Second, second, B);
