//! Finds deadlocks: all actors of a graph wait for each other, so none of them will ever move.
//!
//! The emitting task is an actor, and so is each task that serves a node. A node reports its waits with
//! [`WaitGraph::wait`]. An actor that waits for anything else, such as a slow sink or a timer, counts as moving, and so
//! does a pool thread that runs a function.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

/// No actor moved in this many checks in a row: anything about to move has had the time to.
const CHECKS: u32 = 10;
const INTERVAL: Duration = Duration::from_millis(100);

/// The actors in the graph of a source, and their waits.
#[derive(Default)]
pub(crate) struct WaitGraph {
    /// How many actors there are beside the emitting task.
    others: AtomicUsize,
    /// How many actors wait for another one to move.
    waiting: AtomicUsize,
    /// How many branches wait for another one that they join.
    held_up: watch::Sender<usize>,
    /// How many waits have ended.
    moves: AtomicU64,
    /// Waits may end from outside: elements come from another source too, or the graph is closing.
    open: AtomicBool,
    works: Mutex<Vec<Weak<dyn Activity>>>,
}

/// Work that is done outside the graph's tasks.
pub(crate) trait Activity: Send + Sync {
    /// Whether any of it is being done, or will be.
    fn goes_on(&self) -> bool;

    /// The first element that it holds, if it holds any.
    fn first_inside(&self) -> Option<Inside>;
}

/// The first element that is somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Its number.
    From(u64),
    /// Elements leave it in no order.
    Unknown,
}

impl WaitGraph {
    /// Adds an actor.
    pub(crate) fn begin(self: &Arc<Self>) -> Acting {
        self.others.fetch_add(1, SeqCst);
        Acting(self.clone())
    }

    /// Notes that an actor waits for another one to move.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, SeqCst);
        Waiting(self)
    }

    /// Notes that a branch waits for another one that it joins.
    pub(crate) fn hold_up(&self) -> HeldUp<'_> {
        self.held_up.send_modify(|branches| *branches += 1);
        HeldUp(self)
    }

    /// Waits until a branch waits for another one.
    pub(crate) async fn held_up(&self) {
        let mut branches = self.held_up.subscribe();
        // The sender is here.
        let _ = branches.wait_for(|branches| *branches > 0).await;
    }

    /// Adds work that is done outside the graph's tasks.
    pub(crate) fn add(&self, work: Weak<dyn Activity>) {
        self.works.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// The first elements of all works that hold some, and how many works there are.
    pub(crate) fn inside(&self) -> (Vec<Inside>, usize) {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = works.iter().filter_map(Weak::upgrade).filter_map(|work| work.first_inside());
        (inside.collect(), works.len())
    }

    /// Notes that waits may end from outside.
    pub(crate) fn open(&self) {
        self.open.store(true, SeqCst);
    }

    /// Waits for a deadlock, which may never come. The caller counts as waiting.
    pub(crate) async fn deadlock(&self) {
        let mut checks = 0;
        let mut moves = self.moves.load(SeqCst);
        while checks < CHECKS {
            tokio::time::sleep(INTERVAL).await;
            let before = std::mem::replace(&mut moves, self.moves.load(SeqCst));
            let stands = moves == before && self.stands_still();
            checks = if stands { checks + 1 } else { 0 };
        }
    }

    fn stands_still(&self) -> bool {
        let all_wait = self.waiting.load(SeqCst) > self.others.load(SeqCst);
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = works.iter().filter_map(Weak::upgrade).any(|work| work.goes_on());
        all_wait && !goes_on && !self.open.load(SeqCst)
    }
}

impl std::fmt::Debug for WaitGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitGraph").field("others", &self.others).field("waiting", &self.waiting).finish()
    }
}

/// An actor, until this is dropped.
pub(crate) struct Acting(Arc<WaitGraph>);

impl Drop for Acting {
    fn drop(&mut self) {
        self.0.others.fetch_sub(1, SeqCst);
    }
}

/// A waiting actor, until this is dropped.
pub(crate) struct Waiting<'a>(&'a WaitGraph);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
        self.0.moves.fetch_add(1, SeqCst);
    }
}

/// A branch that waits for another one, until this is dropped.
pub(crate) struct HeldUp<'a>(&'a WaitGraph);

impl Drop for HeldUp<'_> {
    fn drop(&mut self) {
        self.0.held_up.send_modify(|branches| *branches -= 1);
    }
}
