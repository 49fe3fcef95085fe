//! The plugins of a worker: fetched from the broker, checked, and loaded once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::declined::Declined;
use super::options::Options;
use super::plugin_folder::{Held, PluginFolder};
use crate::cluster::transport::Transport;
use crate::deadlines::FETCH;
use crate::error::{LoadError, NotAPlugin};
use crate::{Error, Plugin, Pool};

/// The plugins of a worker, by their hashes.
pub(super) struct Plugins {
    transport: Arc<dyn Transport>,
    pool: Pool,
    folder: PathBuf,
    loaded: Mutex<HashMap<String, Arc<OnceCell<Loaded>>>>,
}

/// A plugin, and its file, which an isolated process may load it from.
struct Loaded {
    plugin: Plugin,
    _file: Held,
}

impl Plugins {
    pub(super) fn new(transport: Arc<dyn Transport>, options: &Options) -> Self {
        let Options { pool, folder, .. } = options;
        Self { transport, pool: pool.clone(), folder: folder.clone(), loaded: Mutex::default() }
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<String, Arc<OnceCell<Loaded>>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plugin, from the broker if it is not here yet.
    pub(super) async fn get(&self, hash: &str, size: u64) -> Result<Plugin, Declined> {
        // Each has a cell of its own: a slow one does not hold up the others.
        let cell = self.loaded().entry(hash.to_owned()).or_default().clone();
        cell.get_or_try_init(|| self.load(hash, size)).await.map(|loaded| loaded.plugin.clone())
    }

    /// Lets go of plugins that are not wanted any more. What uses one keeps it.
    pub(super) fn retain(&self, is_wanted: impl Fn(&str) -> bool) {
        self.loaded().retain(|hash, _| is_wanted(hash));
    }

    async fn load(&self, hash: &str, size: u64) -> Result<Loaded, Declined> {
        let most = self.pool.shared().plugin_size();
        let folder = PluginFolder::open(&self.folder).map_err(cant_be_had)?;
        let file = match folder.get(hash, most) {
            Some(file) => file,
            None => {
                let fetched = FETCH.within("the broker", self.fetch(hash, size, most)).await;
                let bytes = fetched.unwrap_or_else(|_| Err(cant_be_had("it does not come")))?;
                folder.put(hash, &bytes).map_err(cant_be_had)?
            }
        };
        let path = self.folder.join(PluginFolder::name(hash));
        let declined =
            |error: Error| Declined::because(format!("its plugin can't be loaded: {error}"), error);
        let plugin = self.pool.load(path).await.map_err(declined)?;
        if plugin.hash() != hash {
            return Err("its plugin was changed here".to_owned().into());
        }
        Ok(Loaded { plugin, _file: file })
    }

    /// The bytes of a plugin that the broker has. They are believed only if they hash to what was asked for.
    async fn fetch(&self, hash: &str, size: u64, most: u64) -> Result<Vec<u8>, Declined> {
        if size > most {
            let problem = NotAPlugin::TooLarge { size, limit: most };
            let reason = cant_be_had(&problem).reason;
            let path = self.folder.join(PluginFolder::name(hash));
            return Err(Declined::because(reason, LoadError::NotAPlugin { path, problem }));
        }
        // One more byte than there should be, so that more is noticed.
        let bytes = self.transport.plugins().get(hash, size + 1).await.map_err(cant_be_had)?;
        if *blake3::hash(&bytes).to_hex() != *hash {
            return Err(cant_be_had("it came damaged"));
        }
        Ok(bytes)
    }
}

fn cant_be_had(why: impl std::fmt::Display) -> Declined {
    format!("its plugin can't be had: {why}").into()
}
