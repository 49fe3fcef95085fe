//! Saves positions while a source runs, and when it is closed.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Tracker;
use crate::error::GraphError;
use crate::progress::WeakProgress;
use crate::{Error, Source, threads};

/// How often positions are saved.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the first files of a run are gathered before their positions are saved.
const GATHER: Duration = Duration::from_millis(10);

/// Saving takes at most one part in this many of the time.
const SHARE: u32 = 20;

impl Tracker {
    /// Saves positions at intervals from now on, and when the source is closed. A position is saved once everything
    /// before it has left the graph and sinks have written what they hold back.
    ///
    /// # Errors
    ///
    /// If records of another source join those of this one, so that it can't be known when they have left the graph.
    pub(crate) fn save_for<T: Clone + Send + 'static>(
        self: &Arc<Self>,
        source: &Source<T>,
        name: &str,
    ) -> Result<(), Error> {
        if source.context().are_mixed() {
            return Err(Error::Graph(GraphError::MixedSources { source_name: name.to_owned() }));
        }
        let tracker = self.clone();
        source.progress().on_done(move |done| {
            tracker.done.fetch_max(done.last, Relaxed);
        });
        let (progress, closing) = (source.progress().downgrade(), CancellationToken::new());
        let saving = tokio::spawn(self.clone().save_at_intervals(progress.clone(), closing.clone()));
        let (tracker, saving) = (self.clone(), Arc::new(tokio::sync::Mutex::new(Some(saving))));
        source.before_end(move || {
            let (tracker, progress, closing) = (tracker.clone(), progress.clone(), closing.clone());
            let saving = saving.clone();
            Box::pin(async move {
                closing.cancel();
                if let Some(saving) = saving.lock().await.take() {
                    // It has nothing that could panic.
                    let _ = saving.await;
                }
                tracker.save(&progress).await
            })
        });
        Ok(())
    }

    async fn save_at_intervals(self: Arc<Self>, progress: WeakProgress, closing: CancellationToken) {
        let mut wait = INTERVAL;
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                // Where the run has begun is known as soon as it begins: it may be killed before the first interval is over.
                () = self.begun.notified() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(wait) => {}
            }
            let begun = Instant::now();
            match self.save(&progress).await {
                Ok(()) => wait = INTERVAL.max(begun.elapsed() * SHARE),
                Err(error) => {
                    progress.upgrade().into_iter().for_each(|progress| progress.fail(error.clone()));
                    return;
                }
            }
            if progress.upgrade().is_none() {
                return;
            }
        }
    }

    /// Saves the positions, if they have changed.
    async fn save(self: &Arc<Self>, progress: &WeakProgress) -> Result<(), Error> {
        let Some(progress) = progress.upgrade().filter(|_| self.has_begun()) else { return Ok(()) };
        let positions = self.at(self.done.load(Relaxed));
        if !self.is_new(&positions) {
            return Ok(());
        }
        progress.flush().await?;
        let (tracker, saved) = (self.clone(), positions.clone());
        threads::unblocked("engine-position", move || saved.blocking_save(&tracker.path)).await??;
        self.keep_saved(positions);
        Ok(())
    }
}
