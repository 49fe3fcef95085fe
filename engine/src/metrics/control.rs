//! What somebody who looks may do to a run.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether sources are held, and who wants the end.
pub(crate) struct Control {
    held: watch::Sender<bool>,
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Default for Control {
    fn default() -> Self {
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        Self { held: watch::Sender::new(false), drain, stop }
    }
}

impl Control {
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.held.borrow()
    }

    /// Waits while sources are held; a run that is to end does not wait.
    pub(crate) async fn may_go_on(&self) {
        if !self.is_held() {
            return;
        }
        let mut held = self.held.subscribe();
        tokio::select! {
            // The sender is here.
            _ = held.wait_for(|held| !*held) => {}
            () = self.drain.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}
