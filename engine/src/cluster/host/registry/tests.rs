//! Hosts that take a run over, and a broker that loses everything.

use super::*;
use crate::cluster::memory::{Connection, settings};

async fn host(memory: &Connection) -> Registry {
    Registry::take_over(Arc::new(memory.clone()), &settings(), "one").await.unwrap()
}

async fn entry(memory: &Connection) -> Option<Run> {
    let runs = memory.table(Table::Runs).await.unwrap();
    Run::read(runs.entry("one").await.unwrap()?.value.as_ref())
}

#[tokio::test]
async fn a_host_that_was_taken_over_fails_at_its_next_beat() {
    let memory = Connection::new();
    let mut first = host(&memory).await;
    assert!(first.before().is_none());
    first.beat(1).await.unwrap();
    let mut second = host(&memory).await;
    assert_eq!((second.epoch(), second.before()), (first.epoch() + 1, Some(Machine::this())));
    let error = first.beat(2).await.unwrap_err();
    assert!(matches!(error, Error::Cluster(ClusterError::TakenOver { run }) if run == "one"));
    second.beat(2).await.unwrap();
    // The first host removes nothing of the second one.
    first.remove().await;
    assert_eq!(entry(&memory).await.map(|run| run.epoch), Some(second.epoch()));
    second.remove().await;
    assert!(entry(&memory).await.is_none());
}

#[tokio::test]
async fn the_next_beat_restores_what_the_broker_lost() {
    let memory = Connection::new();
    let mut host = host(&memory).await;
    memory.wipe();
    host.beat(7).await.unwrap();
    assert_eq!(entry(&memory).await.map(|run| run.epoch), Some(host.epoch()));
}
