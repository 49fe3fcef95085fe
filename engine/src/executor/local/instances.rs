//! Open instances: those at rest are used again, and their number is bounded.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::plugin::{FunctionCore, Hosting, Instance, OpenError};

/// The instances of a pool.
pub(crate) struct Instances {
    shared: Arc<SharedTable>,
}

struct SharedTable {
    state: Mutex<InstanceTable>,
    /// An instance was given back, or is gone.
    freed: Notify,
}

struct InstanceTable {
    /// By function: the pool numbers its functions one after another.
    idle: Vec<Vec<Held>>,
    live: usize,
    /// The most that were ever live.
    most: usize,
    /// The most that there may be at the moment.
    bound: usize,
    /// The most that there may ever be.
    limit: usize,
}

/// An instance with its place in the count.
pub(crate) struct Held {
    pub(crate) instance: Box<Instance>,
    pub(crate) seat: Seat,
}

/// A place in the count of live instances, free again when dropped.
pub(crate) struct Seat {
    shared: Arc<SharedTable>,
    function: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.lock().live -= 1;
        self.shared.freed.notify_one();
    }
}

impl InstanceTable {
    /// Takes an instance of the function that is at rest.
    fn rested(&mut self, function: usize) -> Option<Held> {
        self.idle.get_mut(function)?.pop()
    }
}

impl SharedTable {
    fn lock(&self) -> MutexGuard<'_, InstanceTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Instances {
    /// Each instance at rest holds its seat, and so what all share: they would keep one another for ever.
    fn drop(&mut self) {
        self.clear();
    }
}

/// What `acquire` does next.
enum Step {
    Use(Held),
    Open(Seat),
    /// Another function's instance makes room.
    Drop(Held),
    Wait,
}

impl Instances {
    pub(crate) fn new(bound: usize) -> Self {
        let state = InstanceTable { idle: Vec::new(), live: 0, most: 0, bound, limit: bound };
        Self { shared: Arc::new(SharedTable { state: Mutex::new(state), freed: Notify::new() }) }
    }

    /// An instance of the function: one at rest unless it is to be `fresh`, else a new one; at the
    /// bound it waits for one.
    pub(crate) async fn acquire(
        &self,
        core: &FunctionCore,
        fresh: bool,
        hosting: &Arc<Hosting>,
    ) -> Result<Held, OpenError> {
        if !fresh {
            let rested = self.shared.lock().rested(core.id);
            if let Some(held) = rested {
                return Ok(held);
            }
        }
        loop {
            // In the line before it looks, so that nothing is freed unseen in between.
            let mut freed = pin!(self.shared.freed.notified());
            freed.as_mut().enable();
            match self.step(core, fresh, hosting) {
                Step::Use(held) => return Ok(held),
                Step::Drop(held) => drop(held),
                Step::Wait => freed.await,
                Step::Open(seat) => match Instance::open(&core.opening, None, hosting).await {
                    Ok(instance) => return Ok(Held { instance, seat }),
                    Err(error) => self.recover(error)?,
                },
            }
        }
    }

    /// An instance that the caller keeps. It takes no seat, since nothing waits for its return. Returns an instance at
    /// rest, such as the one that showed that the function can be opened, unless it is to begin with a `state`.
    pub(crate) async fn keep(
        &self,
        core: &FunctionCore,
        state: Option<&[u8]>,
        hosting: &Arc<Hosting>,
    ) -> Result<Box<Instance>, OpenError> {
        let rested = if state.is_none() { self.shared.lock().rested(core.id) } else { None };
        if let Some(Held { instance, .. }) = rested {
            return Ok(instance);
        }
        match Instance::open(&core.opening, state, hosting).await {
            Err(OpenError::Exhausted(_) | OpenError::NoRoom { .. }) => {
                self.clear();
                Instance::open(&core.opening, state, hosting).await
            }
            opened => opened,
        }
    }

    /// Makes room if that is what an instance could not be opened for.
    fn recover(&self, error: OpenError) -> Result<(), OpenError> {
        // One of the live ones is the instance that could not be opened.
        let others = self.shared.lock().live > 1;
        if matches!(error, OpenError::Exhausted(_) | OpenError::NoRoom { .. }) && others && self.shrink() {
            Ok(())
        } else {
            Err(error)
        }
    }

    fn step(&self, core: &FunctionCore, fresh: bool, hosting: &Hosting) -> Step {
        let mut state = self.shared.lock();
        if !fresh && let Some(held) = state.rested(core.id) {
            return Step::Use(held);
        }
        let files = !core.opening.grants.hold_descriptors() || hosting.resources.has_room();
        let roomy = files && hosting.total.has_room(core.usage.footprint());
        if state.live == 0 || (state.live < state.bound && roomy) {
            return Step::Open(self.seat(&mut state, core.id));
        }
        state.idle.iter_mut().find_map(Vec::pop).map_or(Step::Wait, Step::Drop)
    }

    fn seat(&self, state: &mut InstanceTable, function: usize) -> Seat {
        state.live += 1;
        state.most = state.most.max(state.live);
        Seat { shared: self.shared.clone(), function }
    }

    /// Takes an instance back to use it again.
    pub(crate) fn give_back(&self, held: Held) {
        let mut state = self.shared.lock();
        let function = held.seat.function;
        if state.idle.len() <= function {
            state.idle.resize_with(function + 1, Vec::new);
        }
        state.idle[function].push(held);
        // It went well: after a shortage there may be more again.
        state.bound = (state.bound + 1).min(state.limit);
        drop(state);
        self.shared.freed.notify_one();
    }

    /// There is no room for as many instances as there are: drops those at rest and lowers the
    /// bound for a while. False if there are none, so that nothing can be gained.
    pub(crate) fn shrink(&self) -> bool {
        let mut state = self.shared.lock();
        if state.live == 0 {
            return false;
        }
        state.bound = (state.live / 2).max(1);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
        true
    }

    /// How many there are.
    pub(crate) fn live(&self) -> usize {
        self.shared.lock().live
    }

    /// The most instances that there were at once.
    pub(crate) fn most(&self) -> usize {
        self.shared.lock().most
    }

    /// How many there may be.
    pub(crate) fn limit(&self) -> usize {
        self.shared.lock().limit
    }

    /// Drops the instances at rest.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut self.shared.lock().idle);
        drop(idle);
    }
}
