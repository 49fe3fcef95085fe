//! What views may do to a run: pause, resume, drain, stop.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::lock;

/// Whether the sources are paused, and whether the run is asked to end.
pub(crate) struct Control {
    held: watch::Sender<bool>,
    /// How long they were paused before, and since when they are now.
    paused: Mutex<(Duration, Option<Instant>)>,
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Default for Control {
    fn default() -> Self {
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        Self { held: watch::Sender::new(false), paused: Mutex::default(), drain, stop }
    }
}

impl Control {
    pub(crate) fn hold(&self, held: bool) {
        self.count(held && !self.is_draining() && !self.is_stopping());
        self.held.send_replace(held);
    }

    /// Starts or stops counting the time of a pause.
    fn count(&self, held: bool) {
        let (before, since) = &mut *lock(&self.paused);
        match held {
            true => *since = since.or_else(|| Some(Instant::now())),
            false => *before += since.take().map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    /// How long sources were paused until now.
    pub(crate) fn paused(&self) -> Duration {
        let (before, since) = *lock(&self.paused);
        before + since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.held.borrow()
    }

    /// Waits while sources are paused, unless the run is asked to end.
    pub(crate) async fn may_go_on(&self) {
        if !self.is_held() {
            return;
        }
        let mut held = self.held.subscribe();
        tokio::select! {
            // It can't fail: `self` has the sender.
            _ = held.wait_for(|held| !*held) => {}
            () = self.drain.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    pub(crate) fn drain(&self) {
        self.count(false);
        self.drain.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    pub(crate) fn stop(&self) {
        self.count(false);
        self.stop.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}
