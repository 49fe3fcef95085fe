//! Removes what runs have left behind whose hosts are gone.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::description::Run;
use super::presence::PRESENCE_EXPIRY;
use super::transport::{Entry, Table, Transport, TransportError};

/// Removes runs whose hosts are gone, and plugins that no run has. Returns what that was.
pub(super) async fn clean(transport: &dyn Transport) -> Result<Vec<String>, TransportError> {
    let mut removed = Vec::new();
    // The entry of a run is there before its queues are.
    let queues = transport.all_queues().await;
    let runs = entries(transport, Table::Runs).await?;
    remove_runs(transport, &runs, &mut removed).await?;
    for (queue, run) in queues {
        let is_known = runs.iter().any(|(name, _)| *name == run);
        if !is_known && transport.remove_queue(&queue).await {
            removed.push(format!("the stream {queue}"));
        }
    }
    let plugins = transport.plugins();
    for hash in plugins.hashes().await {
        // A run may have begun meanwhile.
        let runs = entries(transport, Table::Runs).await?;
        // A run of another version, which can't be read, may want any plugin.
        let mut runs = runs.iter().map(|(_, entry)| Run::read(entry.value.as_ref()));
        let is_wanted = runs.any(|run| run.is_none_or(|run| run.wants(&hash)));
        if !is_wanted && plugins.remove(&hash).await {
            removed.push(format!("the plugin {hash}"));
        }
    }
    Ok(removed)
}

async fn remove_runs(
    transport: &dyn Transport,
    runs: &[(String, Entry)],
    removed: &mut Vec<String>,
) -> Result<(), TransportError> {
    // A host that has just begun, or taken a run over, says that it lives after it has written the run's entry.
    let hosts: BTreeMap<_, _> = entries(transport, Table::Hosts).await?.into_iter().collect();
    let Ok(table) = transport.table(Table::Runs).await else { return Ok(()) };
    // The broker's clock may be ahead of this one.
    let is_old = |entry: &Entry| {
        let age = SystemTime::now().duration_since(entry.created);
        age.is_ok_and(|age| age > PRESENCE_EXPIRY)
    };
    for (name, entry) in runs {
        if hosts.contains_key(name) || !is_old(entry) {
            continue;
        }
        // Another host may have taken it over meanwhile: then it stays.
        if table.delete(name, Some(entry.revision)).await.is_ok() {
            transport.queues(name).remove().await;
            removed.push(format!("the run {name}"));
        }
    }
    Ok(())
}

/// All entries of a table, which may not be there yet.
pub(super) async fn entries(
    transport: &dyn Transport,
    table: Table,
) -> Result<Vec<(String, Entry)>, TransportError> {
    match transport.table(table).await {
        Err(TransportError::Missing(_)) => Ok(Vec::new()),
        opened => opened?.entries().await,
    }
}
