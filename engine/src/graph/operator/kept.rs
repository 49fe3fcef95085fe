//! What an operator keeps, for checkpoints.

use std::sync::{Arc, Weak};

use super::contract::Operator;
use super::node::{Operation, Shared};
use crate::Error;
use crate::progress::{BoxFuture, Holding, Keeps, KeptNode, SaveError, SavedNode, SavedTypes, Saver};

impl<T: Clone + Send + 'static, O: Operator<T>> Shared<T, O> {
    /// What the operator says of itself.
    pub(super) fn holding(self: &Arc<Self>) -> Holding {
        let unsaved = self.state.try_lock().ok().and_then(|mut state| match state.operator.keeps() {
            Keeps::Unsaved(reason) => Some(reason.to_owned()),
            Keeps::Nothing | Keeps::State(_) => None,
        });
        let kept: Weak<Self> = Arc::downgrade(self);
        unsaved.map_or(Holding::Kept(kept), Holding::Unsaved)
    }
}

impl<T: Send + 'static, O: Operator<T>> Operation<T, O> {
    fn save(&mut self, types: &SavedTypes) -> Result<SavedNode, String> {
        let mut saver = Saver::new(types);
        saver.number(self.last);
        saver.number(u64::from(self.closed));
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

    fn restore(&mut self, saved: &SavedNode, types: &SavedTypes) -> Result<(), String> {
        let mut restorer = saved.restorer(types)?;
        self.last = restorer.number()?;
        self.closed = restorer.number()? > 0;
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

impl<T: Clone + Send + 'static, O: Operator<T>> KeptNode for Shared<T, O> {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let mut state = self.lock().await;
            match &state.failed {
                Some(error) => Err(error.clone()),
                // Left by a call that was given up.
                None => self.pass_on(&mut state).await,
            }
        })
    }

    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        Box::pin(async { Ok(self.lock().await.save(types)?) })
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        Box::pin(async move {
            let mut state = self.lock().await;
            state.restore(saved, types)?;
            self.note_progress(&state);
            Ok(())
        })
    }
}
