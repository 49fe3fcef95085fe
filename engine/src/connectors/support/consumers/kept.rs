//! What a checkpoint knows of a consumer: the file that it writes.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use super::node::{Calls, Portions};
use crate::files;
use crate::progress::{BoxFuture, KeptNode, OutputState, SaveError, SavedNode, SavedTypes};

/// A consumer of elements of `T`.
pub(super) struct KeptConsumer<P, T> {
    calls: Arc<Calls<P>>,
    /// What was noted last.
    noted: Mutex<Option<OutputState>>,
    elements: PhantomData<fn(T)>,
}

impl<P, T> KeptConsumer<P, T> {
    pub(super) fn new(calls: Arc<Calls<P>>) -> Self {
        Self { calls, noted: Mutex::default(), elements: PhantomData }
    }

    /// The file as it is now that nothing more is written to it.
    fn ended(&self) -> Option<OutputState> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let length = files::known(&noted.path).map_or(noted.length, |known| known.len());
        Some(OutputState { length, ..noted })
    }

    fn note(&self, output: Option<OutputState>) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = output;
    }
}

impl<P: Portions<T>, T: Send + 'static> KeptNode for KeptConsumer<P, T> {
    fn is_output(&self) -> bool {
        true
    }

    fn save<'a>(&'a self, _: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        Box::pin(async {
            let output = self.calls.note_output::<T>(|| self.ended()).await?;
            self.note(output.clone());
            Ok(SavedNode { output, ..SavedNode::default() })
        })
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        _: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        Box::pin(async move {
            self.note(saved.output.clone());
            if let Some(output) = saved.output.clone() {
                self.calls.resume_output::<T>(output).await?;
            }
            Ok(())
        })
    }
}
