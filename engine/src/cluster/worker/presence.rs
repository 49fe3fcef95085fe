//! Says that a worker lives, and how much it does at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::shared::Shared;
use crate::cluster::description::Machine;
use crate::cluster::presence::{HEARTBEAT, WorkerPresence};
use crate::cluster::protocol::wire::PROTOCOL;
use crate::cluster::transport::{KeyValue, Table};

/// How often it is looked whether functions wait.
const LOOK: Duration = Duration::from_millis(20);

impl Shared {
    /// Says again and again that this worker lives.
    pub(super) async fn beats(self: Arc<Self>) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut workers: Option<Arc<dyn KeyValue>> = None;
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = self.changed.notified() => {}
            }
            if workers.is_none() {
                workers = self.transport.table(Table::Workers).await.ok();
            }
            let Some(known) = &workers else { continue };
            let text = serde_json::to_vec(&self.presence()).unwrap_or_default();
            if known.put(&self.options.name, text.into()).await.is_err() {
                workers = None;
            }
        }
    }

    /// Says that this worker has left.
    pub(super) async fn part(&self) {
        if let Ok(workers) = self.transport.table(Table::Workers).await {
            let _ = workers.delete(&self.options.name, None).await;
        }
        self.transport.flush().await;
    }

    /// Takes more tasks while functions wait, so that they wait side by side.
    pub(super) async fn adapt_concurrency(self: Arc<Self>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut idle, mut times) = (false, 0_u8);
        loop {
            look.tick().await;
            let now = self.options.pool.shared().has_idle_threads();
            times = if now == idle { times.saturating_add(1) } else { 1 };
            idle = now;
            if self.concurrency.look(idle, times) {
                self.changed.notify_one();
            }
        }
    }

    fn presence(&self) -> WorkerPresence {
        WorkerPresence {
            protocol: PROTOCOL,
            engine: env!("CARGO_PKG_VERSION").into(),
            machine: Machine::this(),
            threads: self.options.pool.threads(),
            concurrency: self.concurrency.all(),
            busy: self.busy.load(Relaxed),
            tasks: self.tasks.load(Relaxed),
            records: self.records.load(Relaxed),
            leaving: self.leave.is_cancelled(),
            refused: self.refused().clone(),
        }
    }
}
