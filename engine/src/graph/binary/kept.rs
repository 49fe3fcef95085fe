//! What an operator of two streams keeps, for checkpoints.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::Release;
use std::sync::{Arc, Weak};

use super::contract::BinaryOperator;
use super::node::{BinaryNode, Operation};
use crate::Error;
use crate::progress::{BoxFuture, Holding, Keeps, KeptNode, SaveError, SavedNode, SavedTypes, Saver};

/// The node, with the types of both sides.
pub(super) struct KeptBinary<J, A, B, U> {
    node: Arc<BinaryNode<J, U>>,
    types: PhantomData<fn(A, B)>,
}

impl<J, A, B, U> KeptBinary<J, A, B, U>
where
    J: BinaryOperator<A, B, Output = U>,
    A: Clone + Send + 'static,
    B: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    pub(super) fn new(node: Arc<BinaryNode<J, U>>) -> Self {
        Self { node, types: PhantomData }
    }

    /// What the operator says of itself.
    pub(super) fn holding(self: &Arc<Self>) -> Holding {
        let unsaved = self.node.state.try_lock().ok().and_then(|mut state| match state.operator.keeps() {
            Keeps::Unsaved(reason) => Some(reason.to_owned()),
            Keeps::Nothing | Keeps::State(_) => None,
        });
        let kept: Weak<Self> = Arc::downgrade(self);
        unsaved.map_or(Holding::Kept(kept), Holding::Unsaved)
    }
}

impl<J, U> Operation<J, U> {
    fn save<A, B>(&mut self, types: &SavedTypes) -> Result<SavedNode, String>
    where
        J: BinaryOperator<A, B, Output = U>,
    {
        let mut saver = Saver::new(types);
        saver.number(self.last);
        saver.number(self.taken);
        self.ended.iter().for_each(|ended| saver.number(u64::from(*ended)));
        let version = match self.operator.keeps() {
            Keeps::Nothing => 1,
            Keeps::State(state) => {
                state.save(&mut saver)?;
                state.version()
            }
            Keeps::Unsaved(reason) => return Err(reason.to_owned()),
        };
        Ok(SavedNode::with_state(version, saver.finish()))
    }

    fn restore<A, B>(&mut self, saved: &SavedNode, types: &SavedTypes) -> Result<(), String>
    where
        J: BinaryOperator<A, B, Output = U>,
    {
        let mut restorer = saved.restorer(types)?;
        (self.last, self.taken) = (restorer.number()?, restorer.number()?);
        self.ended = [restorer.number()? > 0, restorer.number()? > 0];
        match self.operator.keeps() {
            Keeps::Nothing => saved.check_version(1)?,
            Keeps::State(state) => {
                saved.check_version(state.version())?;
                state.restore(&mut restorer)?;
            }
            Keeps::Unsaved(reason) => return Err(reason.to_owned()),
        }
        restorer.end()
    }
}

impl<J, A, B, U> KeptNode for KeptBinary<J, A, B, U>
where
    J: BinaryOperator<A, B, Output = U>,
    A: Clone + Send + 'static,
    B: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let mut state = self.node.state.lock().await;
            match &state.failed {
                Some(error) => Err(error.clone()),
                // Left by a call that was given up.
                None => self.node.pass_on(&mut state).await,
            }
        })
    }

    fn admit(&self, admits: bool) {
        self.node.admits.store(admits, Release);
        self.node.moved.notify_waiters();
    }

    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        Box::pin(async { Ok(self.node.state.lock().await.save::<A, B>(types)?) })
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        Box::pin(async move { Ok(self.node.state.lock().await.restore::<A, B>(saved, types)?) })
    }
}
