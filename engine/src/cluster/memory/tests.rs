//! A host and its workers in one process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::Connection;
use crate::cluster::cleaning::clean;
use crate::cluster::host::executor::ClusterExecutor;
use crate::cluster::settings::Cluster;
use crate::cluster::transport::{Table, Transport};
use crate::cluster::worker::notice::OnNotice;
use crate::cluster::worker::options::Options;
use crate::cluster::worker::process;
use crate::{Error, Pool, Source};

/// The settings of a run that reaches no broker.
pub(in crate::cluster) fn settings() -> Cluster {
    Cluster::new("nats://nowhere".parse().unwrap()).run("one").ack_wait(Duration::from_millis(300))
}

/// The file of a plugin whose function `upper` turns letters into capital ones.
fn plugin(folder: &Path) -> PathBuf {
    let mut module = wat::parse_str(include_str!("guest.wat")).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    let path = folder.join("upper.wasm");
    std::fs::write(&path, encoder.encode().unwrap()).unwrap();
    path
}

/// A worker with a folder of its own for plugins.
fn worker(connection: &Connection, folder: &Path, leaving: &CancellationToken) -> JoinHandle<()> {
    let pool = Pool::builder().threads(2).build().unwrap();
    let options = Options::new(&pool, folder.join(format!("plugins-{}", crate::cluster::random())));
    let transport = Arc::new(connection.clone());
    tokio::spawn(process::serve(transport, options, leaving.clone(), OnNotice::new(|_| {})))
}

/// Gives records to `upper` in a run over a cluster, and returns what comes out.
async fn run(connection: &Connection, folder: &Path) -> Vec<String> {
    let transport = Arc::new(connection.clone());
    let connect = |_, _| async move { Ok(transport as Arc<dyn Transport>) };
    let executor =
        move || -> Result<_, Error> { Ok(Arc::new(ClusterExecutor::start(settings(), connect)?) as _) };
    let pool = Pool::builder().executor(Box::new(executor)).build().unwrap();
    let upper = pool.blocking_load(plugin(folder)).unwrap().function::<String, String>("upper").unwrap();
    let outputs = Arc::new(Mutex::new(Vec::new()));
    let (source, out) = (Source::<String>::new(), outputs.clone());
    let push = move |output| out.lock().unwrap().push(output);
    source.stream().scatter(&pool).map(&upper).buffer(100).gather().sink(push);
    for record in records() {
        source.emit(record).await.unwrap();
    }
    source.close().await.unwrap();
    std::mem::take(&mut *outputs.lock().unwrap_or_else(PoisonError::into_inner))
}

fn records() -> impl Iterator<Item = String> {
    (0..2000).map(|number| format!("record {number}"))
}

fn expected() -> Vec<String> {
    records().map(|record| record.to_uppercase()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_two_workers_gives_its_outputs_in_order() {
    let (memory, folder, leaving) =
        (Connection::new(), tempfile::tempdir().unwrap(), CancellationToken::new());
    let workers = [(); 2].map(|()| worker(&memory, folder.path(), &leaving));
    assert_eq!(run(&memory, folder.path()).await, expected());
    leaving.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    // Nothing is left of the run, and no worker.
    assert!(memory.all_queues().await.is_empty());
    for table in [Table::Runs, Table::Hosts, Table::Workers] {
        let entries = memory.table(table).await.unwrap().entries().await.unwrap();
        assert!(entries.is_empty(), "{table:?}: {entries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_is_replaced() {
    let (memory, folder, leaving) =
        (Connection::new(), tempfile::tempdir().unwrap(), CancellationToken::new());
    let dying = memory.cut_after(2);
    let dead = worker(&dying, folder.path(), &leaving);
    let replace = async {
        dying.wait_for_cut().await;
        dead.abort();
        worker(&memory, folder.path(), &leaving).await.unwrap();
    };
    let run = async {
        let outputs = run(&memory, folder.path()).await;
        leaving.cancel();
        outputs
    };
    let (outputs, ()) = tokio::join!(run, replace);
    assert_eq!(outputs, expected());
}

#[tokio::test]
async fn cleaning_keeps_plugins_that_a_run_of_another_version_may_want() {
    let memory = Connection::new();
    memory.make_tables().await.unwrap();
    memory.plugins().put("ab", b"plugin").await.unwrap();
    let runs = memory.table(Table::Runs).await.unwrap();
    runs.put("one", br#"{"protocol":1}"#.as_slice().into()).await.unwrap();
    assert_eq!(clean(&memory).await.unwrap(), [""; 0]);
    runs.delete("one", None).await.unwrap();
    assert_eq!(clean(&memory).await.unwrap(), ["the plugin ab"]);
}
