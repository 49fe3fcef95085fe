//! How far the elements of a source have left its graph.
//!
//! The source notes what all nodes that it calls have accepted. Each node that keeps elements and passes them on later is
//! a holder: it notes what it got and what has left it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// How many failed records that have not left the graph are listed at most.
const MOST_AHEAD: usize = 1 << 18;

/// More elements have left a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done<'a> {
    /// All up to this number have reached their sinks, were dropped, or are faults that were handled.
    pub last: u64,
    /// The numbers of those since the last call that became faults, as a whole or in part. If more than 262,144
    /// failed records waited for others, only the later ones are listed.
    pub faults: &'a [u64],
}

type Tell = dyn Fn(Done<'_>) + Send + Sync;

/// How far elements have left the graph, and the listeners for that.
#[derive(Default)]
pub(super) struct Frontier {
    way: Mutex<Holders>,
    faults: Mutex<FaultsAhead>,
    told: RwLock<Vec<Box<Tell>>>,
    /// There is a listener.
    matters: OnceLock<()>,
    /// Elements of another source join these, so numbers say nothing.
    mixed: OnceLock<()>,
}

/// Where elements are.
#[derive(Debug, Default)]
struct Holders {
    /// All up to this number were accepted by all nodes that the source calls.
    accepted: u64,
    holders: Vec<Holder>,
    /// What listeners were told last.
    told: u64,
}

/// A node that keeps elements and passes them on later.
#[derive(Debug, Default)]
struct Holder {
    /// What it passes on may be several elements together, under the number of the last.
    groups: bool,
    /// The highest number that it was given.
    taken: u64,
    /// All up to this number that it was given have left it.
    reached: u64,
    /// How many it has, if it counts them.
    held: usize,
}

impl Holder {
    fn take(&mut self, first: u64, last: u64) {
        self.reached = self.reached.min(first.saturating_sub(1));
        self.taken = self.taken.max(last);
    }

    fn is_empty(&self) -> bool {
        self.reached >= self.taken
    }
}

impl Holders {
    fn take(&mut self, place: usize, first: u64, last: u64) {
        // A holder that groups elements is about to pass on some that it had before.
        let grouping = self.holders.iter().filter(|holder| holder.groups && !holder.is_empty());
        let grouped = grouping.map(|holder| holder.reached).min();
        let holder = &mut self.holders[place];
        holder.take(first, last);
        holder.reached = holder.reached.min(grouped.unwrap_or(u64::MAX));
    }

    /// All up to this number have left.
    fn done(&self) -> u64 {
        // What stands before an element that a holder was given has been accepted everywhere.
        let taken = self.holders.iter().map(|holder| holder.taken.saturating_sub(1)).max();
        let accepted = self.accepted.max(taken.unwrap_or(0));
        let held = self.holders.iter().filter(|holder| !holder.is_empty()).map(|holder| holder.reached);
        held.fold(accepted, u64::min)
    }
}

/// The faults of records that have left the graph, and of those that have not: behind one holder more may have
/// failed already than have come through another.
#[derive(Default)]
struct FaultsAhead {
    done: u64,
    /// How many of each record.
    ahead: BTreeMap<u64, u64>,
}

impl Frontier {
    /// Adds a listener.
    pub(super) fn tell(&self, told: impl Fn(Done<'_>) + Send + Sync + 'static) {
        self.told.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(told));
        self.matters.get_or_init(|| ());
    }

    pub(super) fn matters(&self) -> bool {
        self.matters.get().is_some()
    }

    /// Notes that elements of another source join these: from now on, listeners are not called.
    pub(super) fn mix(&self) {
        self.mixed.get_or_init(|| ());
    }

    pub(super) fn is_mixed(&self) -> bool {
        self.mixed.get().is_some()
    }

    /// Numbers elements from `number + 1`.
    pub(super) fn begin_after(&self, number: u64) {
        let mut way = self.way();
        (way.accepted, way.told) = (number, number);
    }

    /// Adds a holder, which passes several elements on together if it `groups` them. Returns its index.
    pub(super) fn track(&self, groups: bool) -> usize {
        let mut way = self.way();
        way.holders.push(Holder { groups, ..Holder::default() });
        way.holders.len() - 1
    }

    /// How many holders there are.
    pub(super) fn holders(&self) -> usize {
        self.way().holders.len()
    }

    /// All elements up to this one have left, as listeners were told.
    pub(super) fn told(&self) -> u64 {
        self.way().told
    }

    /// All nodes that the source calls have accepted what was emitted, up to this number.
    pub(super) fn accept(&self, number: u64) {
        self.change(|way| way.accepted = way.accepted.max(number));
    }

    /// A holder got elements. The first may be another piece of an element that has left it.
    pub(super) fn take(&self, place: usize, first: u64, last: u64) {
        if self.matters() {
            self.way().take(place, first, last);
        }
    }

    /// The same for a holder that counts the pieces.
    pub(super) fn enter(&self, place: usize, first: u64, last: u64, pieces: usize) {
        if self.matters() {
            let mut way = self.way();
            way.take(place, first, last);
            way.holders[place].held += pieces;
        }
    }

    /// The highest number that a holder was given.
    pub(super) fn taken(&self, place: usize) -> u64 {
        self.way().holders[place].taken
    }

    /// All up to `number` that a holder was given have left it.
    pub(super) fn reach(&self, place: usize, number: u64) {
        self.change(|way| way.holders[place].reached = way.holders[place].reached.max(number));
    }

    /// This number of pieces has left a holder that counts them, in order. The last one has the number `number`:
    /// more pieces of the same element may be there.
    pub(super) fn leave(&self, place: usize, number: u64, pieces: usize) {
        self.change(|way| {
            let holder = &mut way.holders[place];
            holder.held = holder.held.saturating_sub(pieces);
            let done = if holder.held == 0 { holder.taken } else { number.saturating_sub(1) };
            holder.reached = holder.reached.max(done);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Holders)) {
        if !self.matters() || self.is_mixed() {
            return;
        }
        let mut way = self.way();
        change(&mut way);
        let done = way.done();
        if done <= way.told {
            return;
        }
        way.told = done;
        drop(way);
        let faults = self.take_faults_up_to(done);
        for told in &*self.told.read().unwrap_or_else(PoisonError::into_inner) {
            told(Done { last: done, faults: &faults });
        }
    }

    fn way(&self) -> MutexGuard<'_, Holders> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, FaultsAhead> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record became a fault.
    pub(super) fn fault(&self, record: u64) {
        if !self.matters() {
            return;
        }
        let mut faults = self.faults();
        *faults.ahead.entry(record).or_default() += 1;
        if faults.ahead.len() > MOST_AHEAD {
            faults.done += faults.ahead.pop_first().map_or(0, |(_, faults)| faults);
        }
    }

    /// The faults of records that have left the graph.
    pub(super) fn faults_done(&self) -> u64 {
        self.faults().done
    }

    /// Counts the faults of records up to `number` as done, and returns these records.
    fn take_faults_up_to(&self, number: u64) -> Vec<u64> {
        let mut faults = self.faults();
        let ahead = faults.ahead.split_off(&(number + 1));
        let done = std::mem::replace(&mut faults.ahead, ahead);
        faults.done += done.values().sum::<u64>();
        done.into_keys().collect()
    }
}

impl std::fmt::Debug for Frontier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frontier").field("way", &self.way).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    /// How far it was told.
    fn told() -> (Frontier, Arc<AtomicU64>) {
        let (frontier, last) = (Frontier::default(), Arc::new(AtomicU64::new(0)));
        let its = last.clone();
        frontier.tell(move |done| its.store(done.last, Relaxed));
        (frontier, last)
    }

    #[test]
    fn an_element_dropped_before_a_holding_node_is_done_once_accepted() {
        let (frontier, last) = told();
        let holder = frontier.track(false);
        frontier.take(holder, 1, 1);
        frontier.accept(1);
        assert_eq!(last.load(Relaxed), 0);
        frontier.accept(2);
        frontier.reach(holder, 1);
        assert_eq!(last.load(Relaxed), 2);
        frontier.accept(5);
        assert_eq!(last.load(Relaxed), 5);
        frontier.take(holder, 6, 6);
        frontier.accept(6);
        assert_eq!(last.load(Relaxed), 5);
    }

    #[test]
    fn an_element_done_in_one_branch_may_be_in_flight_in_another() {
        let (frontier, last) = told();
        let holder = frontier.track(false);
        frontier.take(holder, 1, 3);
        frontier.reach(holder, 3);
        assert_eq!(last.load(Relaxed), 2);
        frontier.accept(3);
        assert_eq!(last.load(Relaxed), 3);
    }

    #[test]
    fn an_element_of_a_group_is_done_with_the_group() {
        let (frontier, last) = told();
        let (groups, buffer) = (frontier.track(true), frontier.track(false));
        // Of 1 to 4 the groups are 2 and 3, and 1 and 4.
        frontier.take(groups, 1, 1);
        frontier.enter(buffer, 3, 3, 1);
        frontier.take(groups, 3, 3);
        frontier.leave(buffer, 3, 1);
        frontier.enter(buffer, 4, 4, 1);
        frontier.reach(groups, 4);
        frontier.accept(4);
        assert_eq!(last.load(Relaxed), 0);
        frontier.leave(buffer, 4, 1);
        assert_eq!(last.load(Relaxed), 4);
    }

    #[test]
    fn an_element_is_done_with_its_last_piece() {
        let (frontier, last) = told();
        let holder = frontier.track(false);
        frontier.enter(holder, 1, 1, 1);
        frontier.enter(holder, 1, 1, 1);
        frontier.accept(1);
        frontier.leave(holder, 1, 1);
        assert_eq!(last.load(Relaxed), 0);
        frontier.leave(holder, 1, 1);
        assert_eq!(last.load(Relaxed), 1);
    }
}
