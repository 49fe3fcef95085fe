//! Whether all that act in a graph wait for each other, so that none of them will ever move.
//!
//! One who emits acts, and each task that serves a node; a node that counts its waits says so with
//! [`WaitGraph::wait`]. Who waits for anything else, a slow sink or the time, does not count as waiting here, and
//! neither does a worker that runs a function: what is not known to stand still is taken to move.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

/// Nobody has moved at so many looks, one after another: what was about to move has had the time to.
const LOOKS: u32 = 10;
const INTERVAL: Duration = Duration::from_millis(100);

/// Who acts in the graph of a source.
#[derive(Default)]
pub(crate) struct WaitGraph {
    /// Those that act beside the one who emits.
    others: AtomicUsize,
    /// Those of all that wait until another one has moved.
    waiting: AtomicUsize,
    /// Branches that wait for one that they come together with.
    held_up: watch::Sender<usize>,
    /// How many waits have ended.
    moves: AtomicU64,
    /// Elements may come from another source, or the end has begun: who waits may wait for that.
    open: AtomicBool,
    works: Mutex<Vec<Weak<dyn Activity>>>,
}

/// Work that others do.
pub(crate) trait Activity: Send + Sync {
    /// Whether something of it is being done, or will be.
    fn goes_on(&self) -> bool;
}

impl WaitGraph {
    /// Another one acts from now on.
    pub(crate) fn begin(self: &Arc<Self>) -> Acting {
        self.others.fetch_add(1, SeqCst);
        Acting(self.clone())
    }

    /// One of those that act waits until another one has moved.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, SeqCst);
        Waiting(self)
    }

    /// A branch waits for one that it comes together with.
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

    /// Work that others do for the graph.
    pub(crate) fn add(&self, work: Weak<dyn Activity>) {
        self.works.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// Who waits may wait for something from outside.
    pub(crate) fn open(&self) {
        self.open.store(true, SeqCst);
    }

    /// Waits until nobody can move any more, which may never be. Who calls it is one of those that wait.
    pub(crate) async fn deadlock(&self) {
        let mut looks = 0;
        let mut moves = self.moves.load(SeqCst);
        while looks < LOOKS {
            tokio::time::sleep(INTERVAL).await;
            let before = std::mem::replace(&mut moves, self.moves.load(SeqCst));
            let stands = moves == before && self.stands_still();
            looks = if stands { looks + 1 } else { 0 };
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

/// One that acts, until this is dropped.
pub(crate) struct Acting(Arc<WaitGraph>);

impl Drop for Acting {
    fn drop(&mut self) {
        self.0.others.fetch_sub(1, SeqCst);
    }
}

/// One that waits, until this is dropped.
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
