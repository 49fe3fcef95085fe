//! Snapshots: the states of all functions of a graph that accumulate, each after the same record.
//!
//! The first of these functions decides which record that is; the others stop after it in turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::function::State;

/// The states of all functions that accumulate, after the same record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The number of the last record.
    pub record: u64,
    /// The states, in the order in which the functions were added to the graph. None for a function that has not
    /// begun.
    pub states: Vec<Option<State>>,
}

impl Snapshot {
    /// The states of functions after a record, in the order in which the functions were added to the graph.
    #[must_use]
    pub fn new(record: u64, states: Vec<Option<State>>) -> Self {
        Self { record, states }
    }
}

/// What the nodes of a graph know of it.
#[derive(Default)]
pub(crate) struct Snapshots {
    state: Mutex<SnapshotDraft>,
    /// One is wanted, or is being taken.
    busy: AtomicBool,
    told: OnceLock<Box<dyn Fn(Snapshot) + Send + Sync>>,
}

#[derive(Default)]
struct SnapshotDraft {
    /// How many functions accumulate.
    nodes: usize,
    /// What they begin with.
    begin: Snapshot,
    /// What came of the records up to this one is there already.
    done: u64,
    /// The one that is being taken: its record, and the states that are known.
    record: Option<u64>,
    states: Vec<Option<Option<State>>>,
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Snapshots {
    fn lock(&self) -> MutexGuard<'_, SnapshotDraft> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The functions go on with these states; what came of the records up to `done` is there already.
    pub(crate) fn begin_with(&self, snapshot: Snapshot, done: u64) {
        let mut taking = self.lock();
        (taking.begin, taking.done) = (snapshot, done);
    }

    /// Another function accumulates. Returns its place among them.
    pub(crate) fn join(&self) -> usize {
        let mut taking = self.lock();
        taking.nodes += 1;
        taking.states.push(None);
        taking.nodes - 1
    }

    /// What the function at a place begins with.
    pub(crate) fn state(&self, place: usize) -> Option<State> {
        self.lock().begin.states.get(place).cloned().flatten()
    }

    /// The record up to which the function at a place outputs nothing, since these outputs are there already. Only the
    /// last function is silent: those after the others need their outputs.
    pub(crate) fn silent_until(&self, place: usize) -> u64 {
        let taking = self.lock();
        if taking.nodes == place + 1 { taking.done } else { 0 }
    }

    /// Sets the closure that gets each snapshot. Only the first one set does.
    pub(crate) fn tell(&self, told: impl Fn(Snapshot) + Send + Sync + 'static) {
        let _ = self.told.set(Box::new(told));
    }

    /// Another snapshot is wanted, as soon as the first function is between two records.
    pub(crate) fn want(&self) {
        if self.lock().nodes > 0 {
            self.busy.store(true, Ordering::Release);
        }
    }

    /// The record behind which the function at a place is to be looked at, if it is. It is about to be given
    /// the record `next`, and has seen the record `last`, of which `next` may be another piece.
    pub(crate) fn cut(&self, place: usize, last: u64, next: u64) -> Option<u64> {
        if !self.busy.load(Ordering::Acquire) {
            return None;
        }
        let mut taking = self.lock();
        if taking.record.is_none() && place == 0 && last < next {
            taking.record = Some(next - 1);
        }
        taking.record.filter(|_| taking.states[place].is_none())
    }

    /// The state of the function at a place, behind the record that was named.
    pub(crate) fn put(&self, place: usize, state: Option<State>) {
        let mut taking = self.lock();
        taking.states[place] = Some(state);
        if taking.states.iter().any(Option::is_none) {
            return;
        }
        let states = taking.states.iter_mut().map(|state| state.take().flatten()).collect();
        let record = taking.record.take().unwrap_or_default();
        self.busy.store(false, Ordering::Release);
        drop(taking);
        if let Some(told) = self.told.get() {
            told(Snapshot { record, states });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn all_states_are_snapshots_after_the_same_record() {
        let snapshots = Snapshots::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        snapshots.tell(move |snapshot| list.lock().unwrap().push(snapshot));
        let places = [snapshots.join(), snapshots.join()];
        assert_eq!(places.map(|place| snapshots.cut(place, 1, 2)), [None, None], "nobody asked");
        snapshots.want();
        assert_eq!(snapshots.cut(1, 3, 4), None, "the first one says where");
        assert_eq!(snapshots.cut(0, 7, 7), None, "not between two pieces of a record");
        assert_eq!(snapshots.cut(0, 7, 9), Some(8));
        snapshots.put(0, None);
        assert_eq!(snapshots.cut(0, 9, 12), None, "once each");
        assert_eq!(snapshots.cut(1, 4, 6), Some(8));
        let state = State::from(b"x".to_vec());
        snapshots.put(1, Some(state.clone()));
        assert_eq!(*told.lock().unwrap(), [Snapshot { record: 8, states: vec![None, Some(state)] }]);
        assert_eq!(snapshots.cut(0, 20, 21), None);
    }
}
