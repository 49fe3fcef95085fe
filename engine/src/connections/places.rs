//! Places for connections: so many are served at once, and one that waits gets the place of one that brings nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Places for connections.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    wanted: Arc<Wanted>,
}

/// Whether a connection waits for a place.
#[derive(Default)]
struct Wanted {
    is: AtomicBool,
    told: Notify,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        let free = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { free: Arc::new(free), wanted: Arc::default() }
    }

    /// A place, until it is dropped. While there is none, connections that bring nothing are asked for theirs.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.free.clone();
        let place = match free.clone().try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => {
                self.wanted.is.store(true, SeqCst);
                self.wanted.told.notify_waiters();
                free.acquire_owned().await.ok()
            }
        };
        self.wanted.is.store(false, SeqCst);
        place
    }

    /// Whether all are taken.
    pub(crate) fn are_taken(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Waits until a connection is to give its place to another one, which it need not before this moment.
    pub(crate) async fn wanted_after(&self, moment: Instant) {
        tokio::time::sleep_until(moment).await;
        loop {
            let mut told = std::pin::pin!(self.wanted.told.notified());
            told.as_mut().enable();
            // It gives its place to one, and others keep theirs.
            if self.wanted.is.swap(false, SeqCst) {
                return;
            }
            told.await;
        }
    }
}
