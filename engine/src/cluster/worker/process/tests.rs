//! A worker's presence: the runs that it refuses, and its end.

use std::time::Duration;

use super::*;
use crate::Pool;
use crate::cluster::memory::Connection;
use crate::cluster::presence::WorkerPresence;
use crate::cluster::transport::{KeyValue, Transport};
use crate::text::PlainText;
use crate::versions::fixture;

/// Waits until a worker's presence is as wanted.
async fn wait_until(workers: &dyn KeyValue, is_wanted: impl Fn(&WorkerPresence) -> bool) {
    let mut changes = workers.watch().await.unwrap();
    while let Some(Ok((_, value))) = changes.next().await {
        let presence = value.and_then(|value| serde_json::from_slice(&value).ok());
        if presence.as_ref().is_some_and(&is_wanted) {
            return;
        }
    }
}

#[tokio::test]
async fn a_worker_refuses_runs_of_other_versions_and_removes_its_presence() {
    let memory = Connection::new();
    memory.make_tables().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(&Pool::new().unwrap(), folder.path().to_owned());
    let (name, leave) = (options.name.clone(), CancellationToken::new());
    let worker = serve(Arc::new(memory.clone()), options, leave.clone(), OnNotice::new(|_| {}));
    let worker = tokio::spawn(worker);
    let workers = memory.table(Table::Workers).await.unwrap();
    wait_until(&*workers, |presence| presence.refused.is_empty()).await;
    let other = Run { protocol: PROTOCOL + 1, ..Run::new(1, Duration::from_secs(5)) };
    let runs = memory.table(Table::Runs).await.unwrap();
    runs.put("one", serde_json::to_vec(&other).unwrap().into()).await.unwrap();
    wait_until(&*workers, |presence| {
        presence.refused.get("one").is_some_and(|reason| reason.as_str().contains("version"))
    })
    .await;
    // An entry of which only the version can be read.
    let unreadable = r#"{"protocol":1,"engine":"0.0.9","stages":true}"#;
    runs.put("two", unreadable.as_bytes().into()).await.unwrap();
    wait_until(&*workers, |presence| {
        let refused = presence.refused.get("two").map(PlainText::as_str);
        refused.is_some_and(|reason| reason.contains("version 1 of the protocol (engine 0.0.9)"))
    })
    .await;
    // What the version before writes.
    let before = fixture(&format!("cluster.{}/run.json", PROTOCOL - 1));
    runs.put("three", before.into()).await.unwrap();
    wait_until(&*workers, |presence| {
        let refused = presence.refused.get("three").map(PlainText::as_str);
        refused.is_some_and(|reason| reason.contains(&format!("version {} of the protocol", PROTOCOL - 1)))
    })
    .await;
    leave.cancel();
    worker.await.unwrap();
    assert!(workers.entry(&name).await.unwrap().unwrap().value.is_none());
}
