//! What all runs of a worker share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::concurrency::Concurrency;
use super::declined::Declined;
use super::notice::OnNotice;
use super::options::Options;
use super::plugins::Plugins;
use crate::cluster::description::Stage;
use crate::cluster::transport::Transport;
use crate::text::PlainText;

/// What all runs of a worker share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) concurrency: Concurrency,
    pub(super) plugins: Plugins,
    /// Rung when what the worker says of itself has changed.
    pub(super) changed: Notify,
    pub(super) on_notice: OnNotice,
    /// Tasks and records that are done.
    pub(super) tasks: AtomicU64,
    pub(super) records: AtomicU64,
    /// Tasks that are being run.
    pub(super) busy: AtomicUsize,
    /// Runs that are not served, with the reasons.
    refused: Mutex<BTreeMap<PlainText, PlainText>>,
    /// The reason that was told last for each run.
    said: Mutex<BTreeMap<String, String>>,
    pub(super) leave: CancellationToken,
}

impl Shared {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        options: Options,
        leave: CancellationToken,
        on_notice: OnNotice,
    ) -> Self {
        Self {
            concurrency: Concurrency::new(options.pool.threads()),
            plugins: Plugins::new(transport.clone(), &options),
            options,
            transport,
            changed: Notify::new(),
            on_notice,
            tasks: AtomicU64::new(0),
            records: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            refused: Mutex::default(),
            said: Mutex::default(),
            leave,
        }
    }

    /// Waits for something, unless the worker leaves.
    pub(super) async fn unless_leaving<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.leave.run_until_cancelled(work).await
    }

    /// Waits, unless the worker leaves.
    pub(super) async fn pause(&self, time: Duration) {
        let _ = self.unless_leaving(sleep(time)).await;
    }

    /// Runs that are not served, with the reasons.
    pub(super) fn refused(&self) -> MutexGuard<'_, BTreeMap<PlainText, PlainText>> {
        lock(&self.refused)
    }

    /// Says that a run is not served, once for each reason.
    pub(super) fn refuse(&self, run: &str, declined: Declined) {
        let Declined { reason, cause } = declined;
        self.refused().insert(run.into(), (&*reason).into());
        let known = lock(&self.said).insert(run.to_owned(), reason.clone());
        if known.as_ref() != Some(&reason) {
            self.on_notice
                .tell_why(&format!("the run {run} is not served: {reason}"), cause.map(|cause| *cause));
        }
    }

    /// Forgets a run that is over.
    pub(super) fn forget(&self, run: &str) {
        self.refused().remove(run);
        lock(&self.said).remove(run);
    }

    /// Whether a function may be run here, and if not, why.
    pub(super) fn admit(&self, stage: &Stage) -> Result<(), String> {
        let Options { pool, allowed, .. } = &self.options;
        Admission { limits: pool.shared().limits(), allowed }.check(stage)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
