//! Dead letters in memory.

use std::sync::{Arc, Mutex};

use engine::FaultPolicy;
use engine::policy::DeadLetter;

/// Dead letters.
#[derive(Clone, Default)]
pub(crate) struct Letters(Arc<Mutex<Vec<DeadLetter>>>);

impl Letters {
    pub(crate) fn read(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().clone()
    }
}

/// A policy that diverts records, and its dead letters.
pub(crate) fn divert_to_list() -> (FaultPolicy, Letters) {
    let letters = Letters::default();
    let list = letters.clone();
    let policy = FaultPolicy::divert(move |letter| {
        list.0.lock().unwrap().push(letter);
        Ok(())
    });
    (policy, letters)
}
