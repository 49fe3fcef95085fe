//! Limits how many connections are served at the same time, and asks idle ones to make room for one that waits.

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
    waits: AtomicBool,
    notify: Notify,
}

impl ConnectionLimit {
    pub(crate) fn new(most: usize) -> Self {
        let free = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { free: Arc::new(free), wanted: Arc::default() }
    }

    /// Waits for a permit. Meanwhile idle connections are asked to give up theirs.
    pub(super) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.free.clone();
        let permit = match free.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                self.wanted.waits.store(true, SeqCst);
                self.wanted.notify.notify_waiters();
                free.acquire_owned().await.ok()
            }
        };
        self.wanted.waits.store(false, SeqCst);
        permit
    }

    /// Whether all permits are taken.
    #[cfg(feature = "net")]
    pub(crate) fn is_reached(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Waits until an idle connection must give up its permit, at this moment or later.
    pub(crate) async fn wanted_after(&self, moment: Instant) {
        tokio::time::sleep_until(moment).await;
        loop {
            let mut told = std::pin::pin!(self.wanted.notify.notified());
            told.as_mut().enable();
            // Only one connection gives up its permit.
            if self.wanted.waits.swap(false, SeqCst) {
                return;
            }
            told.await;
        }
    }
}
