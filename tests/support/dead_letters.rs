//! Dead letters in memory.

use std::sync::{Arc, Mutex};

use engine::FaultPolicy;
use engine::policy::DeadLetter;

/// The dead letters of a policy.
#[derive(Clone, Default)]
pub(crate) struct DeadLetters(Arc<Mutex<Vec<DeadLetter>>>);

impl DeadLetters {
    /// A copy of those so far.
    pub(crate) fn read(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().clone()
    }

    /// Those since the last call.
    pub(crate) fn take(&self) -> Vec<DeadLetter> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A policy that diverts records, and its dead letters.
pub(crate) fn divert_to_list() -> (FaultPolicy, DeadLetters) {
    let letters = DeadLetters::default();
    let list = letters.clone();
    let policy = FaultPolicy::divert(move |letter| {
        list.0.lock().unwrap().push(letter);
        Ok(())
    });
    (policy, letters)
}
