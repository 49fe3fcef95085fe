//! Plugins in JetStream's object store.

use std::fmt::Display;

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{self, ObjectMetadata, ObjectStore};
use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;

use super::subjects::PLUGINS;
use crate::cluster::settings::Durability;
use crate::cluster::transport::{PluginStore, TransportError};

/// Bytes of a piece of a plugin at most, and what its message has beside it.
const CHUNK: usize = 128 << 10;
const HEADER: usize = 1 << 10;

/// The plugins of all runs.
pub(super) struct Objects {
    pub(super) context: Context,
    pub(super) durability: Durability,
}

fn failed(error: impl Display) -> TransportError {
    TransportError::Failed(error.to_string())
}

impl Objects {
    /// The store, made if it is not there.
    async fn make(&self) -> Result<ObjectStore, TransportError> {
        if let Ok(store) = self.context.get_object_store(PLUGINS).await {
            return Ok(store);
        }
        let config = object_store::Config {
            bucket: PLUGINS.to_owned(),
            num_replicas: self.durability.replicas,
            ..object_store::Config::default()
        };
        match self.context.create_object_store(config).await {
            Ok(store) => Ok(store),
            // Another process may have made it.
            Err(error) => self.context.get_object_store(PLUGINS).await.map_err(|_| failed(error)),
        }
    }
}

#[async_trait]
impl PluginStore for Objects {
    async fn has(&self, hash: &str) -> Result<bool, TransportError> {
        // One that was removed leaves a mark.
        Ok(self.make().await?.info(hash).await.is_ok_and(|info| !info.deleted))
    }

    async fn put(&self, hash: &str, mut plugin: &[u8]) -> Result<(), TransportError> {
        let most = self.context.client().max_payload().saturating_sub(HEADER).clamp(1, CHUNK);
        let meta =
            ObjectMetadata { name: hash.to_owned(), chunk_size: Some(most), ..ObjectMetadata::default() };
        self.make().await?.put(meta, &mut plugin).await.map(drop).map_err(failed)
    }

    async fn get(&self, hash: &str, most: u64) -> Result<Vec<u8>, TransportError> {
        let store = self.context.get_object_store(PLUGINS).await.map_err(failed)?;
        let object = store.get(hash).await.map_err(failed)?;
        let mut bytes = Vec::new();
        object.take(most).read_to_end(&mut bytes).await.map_err(failed)?;
        Ok(bytes)
    }

    async fn hashes(&self) -> Vec<String> {
        let Ok(store) = self.context.get_object_store(PLUGINS).await else { return Vec::new() };
        let Ok(list) = store.list().await else { return Vec::new() };
        list.take_while(|object| std::future::ready(object.is_ok()))
            .filter_map(|object| std::future::ready(object.ok().map(|object| object.name)))
            .collect()
            .await
    }

    async fn remove(&self, hash: &str) -> bool {
        let Ok(store) = self.context.get_object_store(PLUGINS).await else { return false };
        store.delete(hash).await.is_ok()
    }
}
