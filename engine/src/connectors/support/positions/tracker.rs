//! Turns what has left the graph into positions in files.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{FileId, FilePosition, Positions};

/// How many files that were at a path before are remembered.
const MOST_DONE: usize = 64;

/// Knows how far the files of a source were read, and how far what was read has left the graph.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(super) path: PathBuf,
    /// All records up to this number have left the graph.
    pub(super) done: AtomicU64,
    state: Mutex<State>,
    /// It is known where reading begins.
    has_begun: AtomicBool,
    /// Told when it is.
    pub(super) begun: Notify,
    /// What was saved last.
    saved: Mutex<Option<Positions>>,
}

#[derive(Debug, Default)]
struct State {
    /// What has not left the graph as a whole: the number of the last record that was read, and what holds after it.
    read: VecDeque<(u64, Change)>,
    /// The file that is being read.
    reading: Option<Key>,
    /// All records up to this number are in `settled`.
    last: u64,
    /// By path, device and inode, and how the file begins: a file may come to another one's name and number.
    settled: BTreeMap<Key, FilePosition>,
}

#[derive(Debug)]
enum Change {
    /// A file was read up to here.
    Read(FilePosition),
    /// There is no file at this path any more.
    Forgotten(PathBuf),
}

type Key = (PathBuf, Option<FileId>, String);

fn key(position: &FilePosition) -> Key {
    // A file that is written has a longer beginning later.
    let hash = if position.done { position.beginning.hash.clone() } else { String::new() };
    (position.path.clone(), position.id, hash)
}

impl Tracker {
    /// Tracks files for the file of positions at `path`, before the record after `last`.
    pub(crate) fn new(path: PathBuf, last: u64) -> Self {
        let state = State { last, ..State::default() };
        let (done, has_begun, begun) = (AtomicU64::new(last), AtomicBool::new(false), Notify::new());
        Self { path, done, state: Mutex::new(state), has_begun, begun, saved: Mutex::default() }
    }

    /// Notes that it is known where reading begins in each file. Positions are saved from now on: before, those that an
    /// earlier run saved tell more.
    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Relaxed);
        self.begun.notify_one();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Relaxed)
    }

    /// Whether these were not saved.
    pub(super) fn is_new(&self, positions: &Positions) -> bool {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).as_ref() != Some(positions)
    }

    pub(super) fn keep_saved(&self, positions: Positions) {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(positions);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far a file was read, once all records up to `last` were emitted. The next records are of this file,
    /// unless another one is noted before.
    pub(crate) fn note(&self, last: u64, position: FilePosition) {
        let state = &mut *self.state();
        state.reading = Some(key(&FilePosition { done: false, ..position.clone() }));
        state.read.push_back((last, Change::Read(position)));
    }

    /// Notes that there is no file at a path any more, once all records up to `last` were emitted.
    pub(crate) fn forget(&self, last: u64, path: PathBuf) {
        self.state().read.push_back((last, Change::Forgotten(path)));
    }

    /// The positions once all records up to `done` have left the graph.
    pub(crate) fn at(&self, done: u64) -> Positions {
        let state = &mut *self.state();
        while let Some((last, change)) = state.read.pop_front_if(|(last, _)| *last <= done) {
            state.last = last;
            state.settle(change);
        }
        let mut settled = state.settled.clone();
        let reading = match state.read.front() {
            Some((_, Change::Read(position))) => Some(key(&FilePosition { done: false, ..position.clone() })),
            Some(_) => None,
            None => state.reading.clone(),
        };
        if let Some(position) = reading.and_then(|key| settled.get_mut(&key)) {
            // A part of what was read at once.
            position.skip += done.saturating_sub(state.last);
        }
        Positions::of(settled.into_values().collect())
    }
}

impl State {
    fn settle(&mut self, change: Change) {
        match change {
            Change::Read(position) => {
                if position.done {
                    // Until now it was one that is written.
                    self.settled.remove(&key(&FilePosition { done: false, ..position.clone() }));
                }
                let path = position.path.clone();
                self.settled.insert(key(&position), position);
                self.forget_oldest(&path);
            }
            Change::Forgotten(path) => self.settled.retain(|(other, ..), _| *other != path),
        }
    }

    /// Forgets the oldest of the files that were at a path before, if there are too many.
    fn forget_oldest(&mut self, path: &Path) {
        let before = || {
            self.settled.range((path.to_owned(), None, String::new())..).take_while(|(key, _)| key.0 == path)
        };
        if before().filter(|(_, position)| position.done).count() <= MOST_DONE {
            return;
        }
        let done = before().filter(|(_, position)| position.done);
        if let Some(oldest) = done.min_by_key(|(_, position)| position.modified).map(|(key, _)| key.clone()) {
            self.settled.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_to(offset: u64) -> FilePosition {
        FilePosition { path: "log".into(), offset, ..FilePosition::default() }
    }

    fn at(tracker: &Tracker, done: u64) -> Vec<(u64, u64)> {
        tracker.at(done).files.iter().map(|position| (position.offset, position.skip)).collect()
    }

    #[test]
    fn a_position_counts_only_records_that_have_left_the_graph() {
        let tracker = Tracker::new("positions".into(), 10);
        assert_eq!(at(&tracker, 10), []);
        tracker.note(10, read_to(0));
        assert_eq!(at(&tracker, 11), [(0, 1)]);
        tracker.note(13, read_to(60));
        tracker.note(15, read_to(100));
        assert_eq!(at(&tracker, 10), [(0, 0)]);
        assert_eq!(at(&tracker, 12), [(0, 2)]);
        assert_eq!(at(&tracker, 13), [(60, 0)]);
        assert_eq!(at(&tracker, 14), [(60, 1)]);
        assert_eq!(at(&tracker, 15), [(100, 0)]);
        tracker.forget(16, "log".into());
        assert_eq!(at(&tracker, 15), [(100, 0)]);
        assert_eq!(at(&tracker, 16), []);
    }
}
