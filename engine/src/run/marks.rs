//! How far a run is, as far as a checkpoint can tell.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::progress::{Checkpoint, Snapshot};

/// What a checkpoint would say now.
pub(super) struct RunProgress {
    /// The latest that could be saved: everything in it belongs to one moment.
    pub(super) now: Checkpoint,
    /// Where blocks of the inputs begin, as far as they may have to be read again.
    marks: VecDeque<Mark>,
    /// The states of functions, after a record that is not done yet.
    ahead: Option<Snapshot>,
}

/// Where a block of an input begins.
struct Mark {
    input: usize,
    /// The number of its first record.
    record: u64,
    offset: u64,
}

impl RunProgress {
    /// All records up to `record` are done. False if they were before, in another run.
    pub(super) fn reach(&mut self, record: u64) -> bool {
        if record <= self.now.record {
            return false;
        }
        if self.now.states.is_empty() {
            self.now.read = record;
        }
        if let Some(Snapshot { record, states, .. }) = self.ahead.take_if(|ahead| ahead.record <= record) {
            (self.now.read, self.now.states) = (record, states);
        }
        let next = self.now.read + 1;
        while self.marks.get(1).is_some_and(|mark| mark.record <= next) {
            self.marks.pop_front();
        }
        let Some(mark) = self.marks.front() else { return false };
        (self.now.record, self.now.input, self.now.offset) = (record, mark.input, mark.offset);
        self.now.skip = next.saturating_sub(mark.record);
        true
    }

    /// What functions have made of the records up to one: the earliest is kept that is of no use yet, since
    /// there may always be another.
    pub(super) fn look_ahead(&mut self, snapshot: Snapshot) {
        self.ahead.get_or_insert(snapshot);
    }

    /// Whether states are known after a record that is not done yet.
    pub(super) fn waits(&self) -> bool {
        self.ahead.is_some()
    }
}

/// Notes where records stand in the inputs of a run, so that a later run can begin to read there. Clones note for the
/// same run.
#[derive(Clone)]
pub struct InputMarks(Arc<Mutex<RunProgress>>);

impl InputMarks {
    pub(super) fn new(now: Checkpoint) -> Self {
        Self(Arc::new(Mutex::new(RunProgress { now, marks: VecDeque::new(), ahead: None })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RunProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An input begins: the one with this index among those of the checkpoint, with the record `first`.
    pub fn begin(&self, input: usize, first: u64) {
        if let Some(input) = self.lock().now.inputs.get_mut(input) {
            input.first.get_or_insert(first);
        }
    }

    /// The next records of an input begin with this number, at this byte. Call it before they are emitted.
    pub fn note(&self, input: usize, record: u64, offset: u64) {
        self.lock().marks.push_back(Mark { input, record, offset });
    }
}

impl std::fmt::Debug for InputMarks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InputMarks")
    }
}
