//! How many connections are served at once, and which of them yields to one that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Permits for connections, shared by a listener and the connections that it serves.
#[derive(Clone)]
pub(crate) struct ConnectionLimit {
    free: Arc<Semaphore>,
    wanted: Arc<Wanted>,
}

/// Whether a connection waits for a permit.
#[derive(Default)]
struct Wanted {
    is: AtomicBool,
    told: Notify,
}

impl ConnectionLimit {
    pub(crate) fn new(most: usize) -> Self {
        let free = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { free: Arc::new(free), wanted: Arc::default() }
    }

    /// A permit, held until it is dropped. While there is none, idle connections are asked for theirs.
    pub(super) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.free.clone();
        let permit = match free.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                self.wanted.is.store(true, SeqCst);
                self.wanted.told.notify_waiters();
                free.acquire_owned().await.ok()
            }
        };
        self.wanted.is.store(false, SeqCst);
        permit
    }

    /// Whether all permits are taken.
    #[cfg(feature = "net")]
    pub(crate) fn is_reached(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Waits until an idle connection must yield its permit to another one, at the earliest at this moment.
    pub(crate) async fn wanted_after(&self, moment: Instant) {
        tokio::time::sleep_until(moment).await;
        loop {
            let mut told = std::pin::pin!(self.wanted.told.notified());
            told.as_mut().enable();
            // Only one connection yields; the others keep their permits.
            if self.wanted.is.swap(false, SeqCst) {
                return;
            }
            told.await;
        }
    }
}
