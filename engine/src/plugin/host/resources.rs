//! What guests hold of the host beside their own memory: descriptors, and bytes that it keeps for them.
//!
//! Each charge is to an instance and to the pool, and is given back when its guard is dropped, wherever that is:
//! a thread that is stuck in a file system keeps what it holds, and nobody else pays for it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::plugin::host::quota::Disk;
use crate::plugin::host::threads::FileThreads;
use crate::plugin::memory::TotalMemory;

/// The most descriptors that one instance may hold.
const DESCRIPTORS: usize = 1000;

/// Descriptors that an instance can always have, whatever others hold.
const SURE_DESCRIPTORS: usize = 4;

/// The most bytes that the host keeps for one instance.
const BUFFERS: usize = 16 << 20;

/// Bytes that an instance can always have: three buffers of a file, and a listing.
const SURE_BUFFERS: usize = 256 << 10;

/// The most handles that a guest may hold at once, beside those of its connections.
pub(in crate::plugin) const HANDLES: usize = 1000;

/// Calls of one instance that may be in file systems at once.
const TURNS: usize = 4;

/// The most descriptors that are left to the host, for its inputs, outputs and connections.
const RESERVE: usize = 1024;

/// What all guests of a pool hold together.
pub(crate) struct GuestResources {
    descriptors: Budget,
    memory: Arc<TotalMemory>,
    pub(crate) threads: FileThreads,
    pub(crate) disk: Arc<Disk>,
}

impl GuestResources {
    /// What the host keeps for guests counts as their memory.
    pub(crate) fn new(memory: Arc<TotalMemory>) -> Arc<Self> {
        let limit = open_files().map_or(usize::MAX, |most| most - RESERVE.min(most / 2));
        let descriptors = Budget::new(limit);
        Arc::new(Self { descriptors, memory, threads: FileThreads::default(), disk: Arc::default() })
    }

    fn take(&self, resource: Resource, count: usize) -> Result<(), Refused> {
        let (taken, refused) = match resource {
            Resource::Descriptors => {
                (self.descriptors.take(count), Refused::Descriptors(self.descriptors.limit))
            }
            Resource::Buffers => (self.memory.reserve(count), Refused::Memory(self.memory.limit())),
        };
        if taken { Ok(()) } else { Err(refused) }
    }

    fn give_back(&self, resource: Resource, count: usize) {
        match resource {
            Resource::Descriptors => self.descriptors.give_back(count),
            Resource::Buffers => self.memory.release(count),
        }
    }

    /// Whether another instance that opens files or connections can have its own.
    pub(crate) fn has_room(&self) -> bool {
        self.descriptors.has_room(SURE_DESCRIPTORS) && self.memory.has_room(SURE_BUFFERS)
    }

    /// The most descriptors that were held at once.
    pub(crate) fn most_descriptors(&self) -> usize {
        self.descriptors.most.load(Relaxed)
    }

    /// How many there may be.
    pub(crate) fn descriptors_limit(&self) -> usize {
        self.descriptors.limit
    }

    /// How many are held, or kept for instances that have not asked for them.
    pub(crate) fn descriptors(&self) -> usize {
        self.descriptors.used.load(Relaxed)
    }
}

/// How many files this process may have open.
fn open_files() -> Option<usize> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    None
}

/// A number of things that all guests share.
struct Budget {
    used: AtomicUsize,
    most: AtomicUsize,
    limit: usize,
}

impl Budget {
    fn new(limit: usize) -> Self {
        Self { used: 0.into(), most: 0.into(), limit }
    }

    fn has_room(&self, count: usize) -> bool {
        self.used.load(Relaxed).saturating_add(count) <= self.limit
    }

    fn take(&self, count: usize) -> bool {
        let add = |used: usize| used.checked_add(count).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Relaxed, Relaxed, add);
        if let Ok(before) = taken {
            self.most.fetch_max(before + count, Relaxed);
        }
        taken.is_ok()
    }

    fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Relaxed);
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Resource {
    Descriptors,
    /// In bytes.
    Buffers,
}

/// Why an instance gets no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::plugin) enum Refused {
    #[error("the instance has reached its limit")]
    Instance,
    #[error("functions use all {0} files that they may have open together: raise `ulimit -n`")]
    Descriptors(usize),
    #[error("functions use all {0} bytes of shared buffers")]
    Memory(usize),
}

/// What one instance holds. A part of each resource is its own from the start.
pub(in crate::plugin) struct Account {
    resources: Arc<GuestResources>,
    held: Mutex<Held>,
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Held {
    descriptors: usize,
    buffers: usize,
}

impl Account {
    /// An instance's account, if there is room for another one.
    pub(in crate::plugin) fn open(resources: &Arc<GuestResources>) -> Result<Arc<Self>, Refused> {
        resources.take(Resource::Descriptors, SURE_DESCRIPTORS)?;
        if let Err(refused) = resources.take(Resource::Buffers, SURE_BUFFERS) {
            resources.give_back(Resource::Descriptors, SURE_DESCRIPTORS);
            return Err(refused);
        }
        let turns = Arc::new(Semaphore::new(TURNS));
        Ok(Arc::new(Self { resources: resources.clone(), held: Mutex::default(), turns }))
    }

    pub(in crate::plugin) fn resources(&self) -> &Arc<GuestResources> {
        &self.resources
    }

    /// Takes `count` of a resource until the guard is dropped.
    pub(in crate::plugin) fn charge(
        self: &Arc<Self>,
        resource: Resource,
        count: usize,
    ) -> Result<Charge, Refused> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (limit, sure) = limits(resource);
        let used = held.of(resource);
        let now = used.checked_add(count).filter(|now| *now <= limit).ok_or(Refused::Instance)?;
        // What is within its own part was taken when the account was opened.
        self.resources.take(resource, now.max(sure) - (*used).max(sure))?;
        *used = now;
        Ok(Charge { account: self.clone(), resource, count })
    }

    /// Its turn to be in a file system, which ends when the guard is dropped.
    pub(in crate::plugin) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }
}

impl Held {
    fn of(&mut self, resource: Resource) -> &mut usize {
        match resource {
            Resource::Descriptors => &mut self.descriptors,
            Resource::Buffers => &mut self.buffers,
        }
    }
}

/// How much an instance may have, and how much of it is always its own.
fn limits(resource: Resource) -> (usize, usize) {
    match resource {
        Resource::Descriptors => (DESCRIPTORS, SURE_DESCRIPTORS),
        Resource::Buffers => (BUFFERS, SURE_BUFFERS),
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Each charge keeps the account, so there is none left.
        self.resources.give_back(Resource::Descriptors, SURE_DESCRIPTORS);
        self.resources.give_back(Resource::Buffers, SURE_BUFFERS);
    }
}

/// Something that an instance holds, until it is dropped.
pub(in crate::plugin) struct Charge {
    account: Arc<Account>,
    resource: Resource,
    count: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut held = self.account.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, sure) = limits(self.resource);
        let used = held.of(self.resource);
        let before = *used;
        *used -= self.count;
        self.account.resources.give_back(self.resource, before.max(sure) - (*used).max(sure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(descriptors: usize, memory: usize) -> Arc<GuestResources> {
        let (descriptors, memory) = (Budget::new(descriptors), TotalMemory::new(memory));
        Arc::new(GuestResources {
            descriptors,
            memory,
            threads: FileThreads::default(),
            disk: Arc::default(),
        })
    }

    #[test]
    fn an_instance_always_has_its_share_and_dropped_memory_is_free() {
        let resources = resources(10, 1 << 20);
        let (greedy, modest) = (Account::open(&resources).unwrap(), Account::open(&resources).unwrap());
        assert!(Account::open(&resources).is_err(), "there are two descriptors left, and it needs four");
        let six: Vec<_> = (0..6).map(|_| greedy.charge(Resource::Descriptors, 1).unwrap()).collect();
        assert!(greedy.charge(Resource::Descriptors, 1).is_err());
        let four: Vec<_> = (0..4).map(|_| modest.charge(Resource::Descriptors, 1).unwrap()).collect();
        assert_eq!(resources.descriptors(), 10);
        drop((greedy, six));
        assert_eq!(resources.descriptors(), 4);
        drop((modest, four));
        assert_eq!(
            (resources.descriptors(), resources.memory.used(), resources.most_descriptors()),
            (0, 0, 10)
        );
    }

    #[test]
    fn a_charge_outlives_its_instance() {
        let resources = resources(10, 1 << 20);
        let account = Account::open(&resources).unwrap();
        let charge = account.charge(Resource::Buffers, 300 << 10).unwrap();
        drop(account);
        assert_eq!(resources.memory.used(), 300 << 10);
        drop(charge);
        assert_eq!(resources.memory.used(), 0);
    }

    #[test]
    fn no_instance_exceeds_the_limit_of_one() {
        let resources = resources(usize::MAX, 1 << 30);
        let account = Account::open(&resources).unwrap();
        assert!(account.charge(Resource::Buffers, BUFFERS + 1).is_err());
        let _all = account.charge(Resource::Descriptors, DESCRIPTORS).unwrap();
        assert!(account.charge(Resource::Descriptors, 1).is_err());
        assert!(account.charge(Resource::Descriptors, usize::MAX).is_err());
    }
}
