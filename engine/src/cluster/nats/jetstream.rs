//! A connection to JetStream as a cluster's transport.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_trait::async_trait;
use futures_util::TryStreamExt;

use super::plugins::Objects;
use super::queues::Streams;
use super::{subjects, tables};
use crate::Error;
use crate::broker::Broker;
use crate::cluster::settings::Durability;
use crate::cluster::transport::{KeyValue, PluginStore, Queues, Table, Transport, TransportError};

/// A connection to JetStream.
pub(super) struct JetStream {
    pub(super) context: Context,
    pub(super) broker: Broker,
    pub(super) durability: Durability,
}

#[async_trait]
impl Transport for JetStream {
    fn address(&self) -> String {
        self.broker.to_string()
    }

    fn most_bytes(&self) -> usize {
        self.context.client().max_payload()
    }

    fn failed(&self, error: &TransportError) -> Error {
        self.broker.lost(error)
    }

    fn silent(&self, timeout: Duration) -> Error {
        self.broker.gone(timeout)
    }

    async fn table(&self, table: Table) -> Result<Arc<dyn KeyValue>, TransportError> {
        Ok(Arc::new(tables::open(&self.context, table).await?))
    }

    async fn make_tables(&self) -> Result<(), TransportError> {
        for table in [Table::Workers, Table::Runs, Table::Hosts] {
            tables::make(&self.context, table, self.durability).await?;
        }
        Ok(())
    }

    fn queues(&self, run: &str) -> Arc<dyn Queues> {
        let (context, durability) = (self.context.clone(), self.durability);
        Arc::new(Streams { context, durability, run: run.to_owned() })
    }

    async fn all_queues(&self) -> Vec<(String, String)> {
        let streams: Vec<String> = self.context.stream_names().try_collect().await.unwrap_or_default();
        let with_run = |stream: String| {
            let run = subjects::run_of(&stream)?.to_owned();
            Some((stream, run))
        };
        streams.into_iter().filter_map(with_run).collect()
    }

    async fn remove_queue(&self, queue: &str) -> bool {
        self.context.delete_stream(queue).await.is_ok()
    }

    fn plugins(&self) -> Arc<dyn PluginStore> {
        Arc::new(Objects { context: self.context.clone(), durability: self.durability })
    }

    async fn flush(&self) {
        let _ = self.context.client().flush().await;
    }
}
