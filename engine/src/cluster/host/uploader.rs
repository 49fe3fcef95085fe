//! Puts the plugins of a run where workers find them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Error;
use crate::cluster::transport::{Transport, TransportError};
use crate::error::{FileError, LoadError};
use crate::plugin::FunctionCore;

/// After this an upload that failed is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Puts plugins where workers find them. That may take a while, in which the host goes on saying that it lives.
#[derive(Clone)]
pub(super) struct Uploader {
    pub(super) transport: Arc<dyn Transport>,
    /// How long uploads are tried.
    pub(super) timeout: Duration,
}

impl Uploader {
    /// Uploads the plugins of functions.
    pub(super) async fn upload_all(&self, functions: &[Arc<FunctionCore>]) -> Result<(), Error> {
        for core in functions {
            self.upload(core).await?;
        }
        Ok(())
    }

    /// Uploads the plugin of a function, unless it is there.
    async fn upload(&self, core: &FunctionCore) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let Err(error) = self.try_upload(core).await? else { return Ok(()) };
            if begun.elapsed() > self.timeout {
                return Err(self.transport.failed(&error));
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// The error within is the broker's, after which it is tried again.
    async fn try_upload(&self, core: &FunctionCore) -> Result<Result<(), TransportError>, Error> {
        let plugin = &core.opening.plugin;
        let store = self.transport.plugins();
        match store.has(&plugin.hash).await {
            Ok(true) => return Ok(Ok(())),
            Ok(false) => {}
            Err(error) => return Ok(Err(error)),
        }
        let bytes = crate::files::read_at_most(&plugin.path, plugin.size_limit).map_err(|source| {
            Error::File(FileError::Read { path: plugin.path.clone(), source: Arc::new(source) })
        })?;
        if *blake3::hash(&bytes).to_hex() != *plugin.hash {
            return Err(Error::Load(LoadError::Changed { path: plugin.path.clone() }));
        }
        Ok(store.put(&plugin.hash, &bytes).await)
    }
}
