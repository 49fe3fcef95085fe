//! Tables in memory.

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::broker::{Connection, Contents, missing};
use crate::cluster::presence::PRESENCE_EXPIRY;
use crate::cluster::transport::{Change, Entry, KeyValue, Table, TransportError};

/// An open table.
#[derive(Clone)]
pub(super) struct OpenTable {
    pub(super) connection: Connection,
    pub(super) table: Table,
}

impl OpenTable {
    /// All entries, in the order of their keys.
    fn all(&self, contents: &Contents) -> Result<Vec<(String, Entry)>, TransportError> {
        let entries = contents.tables.get(&self.table).ok_or_else(|| missing("table"))?;
        let is_fresh = |entry: &Entry| match self.table {
            Table::Runs => true,
            Table::Hosts | Table::Workers => entry.created.elapsed().is_ok_and(|age| age <= PRESENCE_EXPIRY),
        };
        let fresh = entries.iter().filter(|(_, entry)| is_fresh(entry));
        Ok(fresh.map(|(key, entry)| (key.clone(), entry.clone())).collect())
    }

    /// Writes or deletes an entry if the latest one has the expected revision, 0 for none. Returns its own.
    fn write(&self, key: &str, value: Option<Bytes>, expected: Option<u64>) -> Result<u64, TransportError> {
        let write = |contents: &mut Contents| {
            let known = self.all(contents)?.into_iter().find(|(known, _)| known == key);
            let known = known.map_or(0, |(_, entry)| entry.revision);
            if expected.is_some_and(|expected| expected != known) {
                return Err(TransportError::Conflict(format!("the entry has revision {known}")));
            }
            let entry = Entry { value, revision: contents.next(), created: SystemTime::now() };
            let revision = entry.revision;
            let entries = contents.tables.get_mut(&self.table).ok_or_else(|| missing("table"))?;
            entries.insert(key.to_owned(), entry);
            Ok(revision)
        };
        self.connection.change(write)?
    }

    /// The entries that changed after a revision, in the order in which they did.
    fn since(&self, revision: u64) -> Result<Vec<(String, Entry)>, TransportError> {
        let mut entries = self.all(&*self.connection.contents()?)?;
        entries.retain(|(_, entry)| entry.revision > revision);
        entries.sort_by_key(|(_, entry)| entry.revision);
        Ok(entries)
    }
}

#[async_trait]
impl KeyValue for OpenTable {
    async fn entry(&self, key: &str) -> Result<Option<Entry>, TransportError> {
        let entries = self.all(&*self.connection.contents()?)?;
        Ok(entries.into_iter().find(|(known, _)| known == key).map(|(_, entry)| entry))
    }

    async fn entries(&self) -> Result<Vec<(String, Entry)>, TransportError> {
        let mut entries = self.all(&*self.connection.contents()?)?;
        entries.retain(|(_, entry)| entry.value.is_some());
        Ok(entries)
    }

    async fn put(&self, key: &str, value: Bytes) -> Result<(), TransportError> {
        self.write(key, Some(value), None).map(drop)
    }

    async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, TransportError> {
        self.write(key, Some(value), Some(revision))
    }

    async fn delete(&self, key: &str, revision: Option<u64>) -> Result<(), TransportError> {
        self.write(key, None, revision).map(drop)
    }

    async fn watch(&self) -> Option<BoxStream<'static, Result<Change, TransportError>>> {
        let mut changes = self.connection.changes();
        changes.mark_changed();
        let rounds = stream::try_unfold((self.clone(), changes, 0), async |(table, mut changes, seen)| {
            if changes.changed().await.is_err() {
                return Ok(None);
            }
            let new = table.since(seen)?;
            let seen = new.last().map_or(seen, |(_, entry)| entry.revision);
            let new = stream::iter(new.into_iter().map(|(key, entry)| Ok((key, entry.value))));
            Ok(Some((new, (table, changes, seen))))
        });
        Some(rounds.try_flatten().boxed())
    }
}
