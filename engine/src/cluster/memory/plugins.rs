//! Plugins in memory.

use async_trait::async_trait;

use super::broker::{Connection, missing};
use crate::cluster::transport::{PluginStore, TransportError};

#[async_trait]
impl PluginStore for Connection {
    async fn has(&self, hash: &str) -> Result<bool, TransportError> {
        Ok(self.contents()?.plugins.contains_key(hash))
    }

    async fn put(&self, hash: &str, plugin: &[u8]) -> Result<(), TransportError> {
        self.change(|contents| drop(contents.plugins.insert(hash.to_owned(), plugin.to_vec())))
    }

    async fn get(&self, hash: &str, most: u64) -> Result<Vec<u8>, TransportError> {
        let mut plugin = self.contents()?.plugins.get(hash).cloned().ok_or_else(|| missing("plugin"))?;
        plugin.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(plugin)
    }

    async fn hashes(&self) -> Vec<String> {
        self.contents().map(|contents| contents.plugins.keys().cloned().collect()).unwrap_or_default()
    }

    async fn remove(&self, hash: &str) -> bool {
        self.change(|contents| contents.plugins.remove(hash).is_some()).unwrap_or(false)
    }
}
