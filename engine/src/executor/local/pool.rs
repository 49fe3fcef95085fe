//! The pool, as users hold it.

use std::path::Path;
use std::sync::Arc;

use super::builder::PoolBuilder;
use super::plugin::Plugin;
use super::runner;
use super::shared::PoolShared;
use crate::Error;
use crate::executor::segment::{Executor, Segment, fitting};
use crate::function::PoolUsage;
use crate::plugin::{Core, Loaded, MOST_BYTES};
use crate::record::Batch;

/// Threads, instances and their limits: what runs functions.
///
/// It is cheap to clone. Its threads end when the last clone, and all that came from it, is dropped.
#[derive(Clone)]
pub struct Pool(Arc<PoolShared>);

impl Pool {
    /// A pool with the defaults of [`PoolBuilder`].
    ///
    /// # Errors
    ///
    /// If the machine refuses threads or what the sandbox needs.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Sets up a pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Loads the plugin at `path`.
    ///
    /// Blocks while it is compiled, a tenth of a second for a small one; the compiled code is kept
    /// in the user's cache folder for the next time.
    ///
    /// # Errors
    ///
    /// If the file can't be read or is no plugin that this engine runs.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Plugin, Error> {
        self.load_if(path.as_ref(), None)
    }

    /// The same, if the file's BLAKE3 hash is this, in hexadecimal digits. Otherwise nothing of it is compiled
    /// or run.
    ///
    /// # Errors
    ///
    /// If the hash is another one, and those of [`load`](Self::load).
    pub fn load_pinned(&self, path: impl AsRef<Path>, blake3: &str) -> Result<Plugin, Error> {
        self.load_if(path.as_ref(), Some(blake3.to_owned()))
    }

    fn load_if(&self, path: &Path, pin: Option<String>) -> Result<Plugin, Error> {
        let shared = &self.0;
        let path = path.to_owned();
        let (hosting, limits, on_print) = (shared.hosting.clone(), shared.limits(), shared.on_print());
        let loaded = shared
            .wait(async move { Loaded::load(&path, pin.as_deref(), &hosting, limits, on_print).await })?;
        Ok(Plugin::new(loaded, shared.clone()))
    }

    /// How many threads run guests.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// Gives back what the pool has on other machines, and waits for that, which takes some seconds at most if the
    /// broker is there. Nothing that was scattered over it goes on: streams that still use it end with
    /// [`Error::Closed`]. Without a cluster there is nothing to give back. It blocks.
    ///
    /// To drop a pool does the same, but whoever drops the last of it may be nobody that the program waits for.
    pub fn close(&self) {
        if let Some(executor) = &self.0.executor {
            executor.end();
        }
    }

    /// What all instances had together, and might have had.
    #[must_use]
    pub fn usage(&self) -> PoolUsage {
        self.0.usage()
    }

    /// What does the work of its segments.
    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        self.0.executor.clone().unwrap_or_else(|| Arc::new(self.clone()))
    }

    pub(crate) fn from_shared(shared: Arc<PoolShared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<PoolShared> {
        &self.0
    }
}

impl Executor for Pool {
    fn enlist(&self, segment: &Arc<Segment>) {
        self.shared().enlist(segment);
    }

    fn work_here(&self, segment: &Arc<Segment>) -> bool {
        runner::run_here(self.shared(), segment)
    }

    fn fitting(&self, stage: &Core, batch: &Batch, alone: bool) -> usize {
        fitting(stage, batch, alone)
    }

    fn room(&self) -> usize {
        2 * self.threads() * MOST_BYTES
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} threads)", self.0.threads)
    }
}
