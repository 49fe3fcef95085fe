//! The pool, as users hold it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builder::PoolBuilder;
use super::plugin::Plugin;
use super::runner;
use super::shared::PoolShared;
use crate::Error;
use crate::error::SystemError;
use crate::executor::segment::{Executor, Segment, fitting};
use crate::function::PoolUsage;
use crate::plugin::{FunctionCore, Loaded, MOST_BYTES};
use crate::record::Batch;
use crate::threads;

/// Threads, instances and their limits: what runs functions.
///
/// It is cheap to clone. Its threads end when the last clone, and all that came from it, is dropped.
#[derive(Clone)]
pub struct Pool(Arc<PoolShared>);

impl Pool {
    /// A pool with the defaults of [`PoolBuilder`]. Returns as soon as its threads have started.
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

    /// Loads the plugin at `path`, and compiles it on the pool's threads.
    ///
    /// A small plugin takes a tenth of a second, a large one seconds. The compiled code is kept in the user's
    /// cache folder, so the next time takes milliseconds.
    ///
    /// If the future is dropped, the work goes on to its end: the compiled code is kept.
    ///
    /// # Errors
    ///
    /// If the file can't be read or is no plugin that this engine runs.
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<Plugin, Error> {
        let loaded = self.0.spawn(self.loading(path.as_ref(), None)).await??;
        Ok(Plugin::new(loaded, self.0.clone()))
    }

    /// Loads a plugin as [`load`](Self::load) does, and blocks the caller's thread meanwhile: for programs that
    /// load their plugins before they start a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn blocking_load(&self, path: impl AsRef<Path>) -> Result<Plugin, Error> {
        let loaded = self.0.wait(self.loading(path.as_ref(), None))?;
        Ok(Plugin::new(loaded, self.0.clone()))
    }

    /// Loads the plugin at `path` if its file has this BLAKE3 hash, in hexadecimal digits. Otherwise nothing of it
    /// is compiled or run.
    ///
    /// # Errors
    ///
    /// If the hash is another one, and those of [`load`](Self::load).
    pub async fn load_pinned(&self, path: impl AsRef<Path>, blake3: &str) -> Result<Plugin, Error> {
        let loaded = self.0.spawn(self.loading(path.as_ref(), Some(blake3))).await??;
        Ok(Plugin::new(loaded, self.0.clone()))
    }

    /// Loads a plugin as [`load_pinned`](Self::load_pinned) does, and blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`load_pinned`](Self::load_pinned).
    pub fn blocking_load_pinned(&self, path: impl AsRef<Path>, blake3: &str) -> Result<Plugin, Error> {
        let loaded = self.0.wait(self.loading(path.as_ref(), Some(blake3)))?;
        Ok(Plugin::new(loaded, self.0.clone()))
    }

    fn loading(
        &self,
        path: &Path,
        pin: Option<&str>,
    ) -> impl Future<Output = Result<Loaded, Error>> + Send + use<> {
        let (path, pin): (PathBuf, _) = (path.to_owned(), pin.map(str::to_owned));
        let (loader, hosting) = (self.0.loader.clone(), self.0.hosting.clone());
        let (limits, on_print) = (self.0.limits(), self.0.on_print());
        async move { loader.load(&path, pin.as_deref(), &hosting, limits, on_print).await }
    }

    /// How many threads run guests.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// Gives back what the pool has on other machines, and waits for that: some seconds at most if the broker
    /// answers. Streams that still use the pool end with [`Error::Closed`]. Without a cluster there is nothing to
    /// give back.
    ///
    /// It waits in a thread of its own. If the system has no thread for it, it blocks the caller's.
    ///
    /// Dropping the last clone of a pool does the same and blocks, perhaps in a task that the program does not
    /// wait for.
    pub async fn close(&self) {
        let Some(executor) = self.0.executor.clone() else { return };
        let ending = executor.clone();
        let ended = threads::unblocked("engine-close", move || ending.end()).await;
        // If it panicked, it was called already.
        if let Err(Error::System(SystemError::Thread { .. })) = ended {
            executor.end();
        }
    }

    /// Closes the pool as [`close`](Self::close) does, and blocks the caller's thread meanwhile.
    pub fn blocking_close(&self) {
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

    fn fitting(&self, stage: &FunctionCore, batch: &Batch, alone: bool) -> usize {
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

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    /// Counts how often it is ended, and panics then.
    #[derive(Default)]
    struct PanicsAtItsEnd(AtomicUsize);

    impl Executor for PanicsAtItsEnd {
        fn enlist(&self, _: &Arc<Segment>) {}

        fn work_here(&self, _: &Arc<Segment>) -> bool {
            false
        }

        fn fitting(&self, _: &FunctionCore, _: &Batch, _: bool) -> usize {
            1
        }

        fn room(&self) -> usize {
            0
        }

        fn end(&self) {
            self.0.fetch_add(1, SeqCst);
            panic!("as planned");
        }
    }

    #[tokio::test]
    async fn an_executor_that_panics_at_its_end_is_ended_once() {
        let executor = Arc::<PanicsAtItsEnd>::default();
        let join = executor.clone();
        let pool = Pool::builder().threads(1).executor(Box::new(move || Ok(join))).build().unwrap();
        pool.close().await;
        assert_eq!(executor.0.load(SeqCst), 1);
    }
}
