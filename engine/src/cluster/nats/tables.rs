//! Tables as JetStream's key-value buckets.

use std::error::Error as _;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, KeyValueError};
use async_nats::jetstream::kv::{self, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::{Context, ErrorCode};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::subjects;
use crate::cluster::description::is_name;
use crate::cluster::presence::PRESENCE_EXPIRY;
use crate::cluster::settings::Durability;
use crate::cluster::transport::{Change, Entry, KeyValue, Table, TransportError};

/// An open bucket.
pub(super) struct Bucket(Store);

/// Opens a table's bucket.
pub(super) async fn open(context: &Context, table: Table) -> Result<Bucket, TransportError> {
    let opened = context.get_key_value(subjects::bucket(table)).await;
    opened.map(Bucket).map_err(|error| match is_missing(&error) {
        true => TransportError::Missing(error.to_string()),
        false => failed(&error),
    })
}

/// Makes a table's bucket, unless it is there.
pub(super) async fn make(
    context: &Context,
    table: Table,
    durability: Durability,
) -> Result<(), TransportError> {
    let name = subjects::bucket(table);
    if context.get_key_value(name).await.is_ok() {
        return Ok(());
    }
    let config = kv::Config {
        bucket: name.to_owned(),
        history: 1,
        max_age: match table {
            Table::Runs => Duration::ZERO,
            Table::Hosts | Table::Workers => PRESENCE_EXPIRY,
        },
        num_replicas: durability.replicas,
        ..kv::Config::default()
    };
    let Err(error) = context.create_key_value(config).await else { return Ok(()) };
    // Another process may have made it, with other wishes.
    context.get_key_value(name).await.map(drop).map_err(|_| failed(&error))
}

/// Whether the broker said that there is no such bucket.
fn is_missing(error: &KeyValueError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<GetStreamError>());
    let Some(GetStreamErrorKind::JetStream(error)) = source.map(GetStreamError::kind) else { return false };
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

fn failed(error: &dyn Display) -> TransportError {
    TransportError::Failed(error.to_string())
}

fn entry(entry: kv::Entry) -> Entry {
    Entry {
        value: (entry.operation == Operation::Put).then_some(entry.value),
        revision: entry.revision,
        created: SystemTime::from(entry.created),
    }
}

#[async_trait]
impl KeyValue for Bucket {
    async fn entry(&self, key: &str) -> Result<Option<Entry>, TransportError> {
        let found = self.0.entry(key).await.map_err(|error| failed(&error))?;
        Ok(found.map(entry))
    }

    async fn entries(&self) -> Result<Vec<(String, Entry)>, TransportError> {
        // `Store::keys` makes a consumer for each call, and finds nothing if a value is replaced meanwhile.
        let all = format!("{}>", self.0.prefix);
        let subjects = self.0.stream.info_with_subjects(all).await.map_err(|error| failed(&error))?;
        let subjects: Vec<_> = subjects.try_collect().await.map_err(|error| failed(&error))?;
        let keys = subjects.iter().filter_map(|(subject, _)| subject.strip_prefix(&*self.0.prefix));
        // Any client may have written others, which no process of a cluster has.
        let mut keys: Vec<_> = keys.filter(|key| is_name(key)).collect();
        keys.sort();
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            // It may have gone meanwhile.
            if let Some(entry) = self.entry(key).await?.filter(|entry| entry.value.is_some()) {
                entries.push((key.to_owned(), entry));
            }
        }
        Ok(entries)
    }

    async fn put(&self, key: &str, value: Bytes) -> Result<(), TransportError> {
        self.0.put(key, value).await.map(drop).map_err(|error| failed(&error))
    }

    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, TransportError> {
        self.0.update(key, value, revision).await.map_err(|error| match error.kind() {
            UpdateErrorKind::WrongLastRevision => TransportError::Conflict(error.to_string()),
            _ => failed(&error),
        })
    }

    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), TransportError> {
        self.0.delete_expect_revision(key, revision).await.map_err(|error| failed(&error))
    }

    async fn watch(&self) -> Option<BoxStream<'static, Result<Change, TransportError>>> {
        let watch = self.0.watch_many_with_history([">"]).await.ok()?;
        let change = |entry: kv::Entry| {
            let value = (entry.operation == Operation::Put).then_some(entry.value);
            (entry.key, value)
        };
        Some(watch.map(move |next| next.map(change).map_err(|error| failed(&error))).boxed())
    }
}
