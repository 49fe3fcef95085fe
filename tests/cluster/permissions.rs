//! Who may do what: keys, and what a worker allows.

use std::fs;
use std::path::PathBuf;

use tempfile::{TempDir, tempdir};

use super::processes::{Cluster, PATIENCE, ended, slow, slow_loop};
use crate::support::{Did, engine, fed, function_of, plugin};

/// The documented configuration, with keys, and files that have their seeds.
fn keys(folder: &TempDir) -> (String, [PathBuf; 2]) {
    let [host, worker] = ["host", "worker"].map(|name| {
        let pair = nkeys::KeyPair::new_user();
        let path = folder.path().join(name);
        fs::write(&path, pair.seed().unwrap()).unwrap();
        (pair.public_key(), path)
    });
    let documented = fs::read_to_string(crate::support::root().join("docs/cluster/nats.conf")).unwrap();
    let configuration = documented.replace("HOST_KEY", &host.0).replace("WORKER_KEY", &worker.0);
    (configuration, [host.1, worker.1])
}

#[test]
fn row_29_hosts_and_workers_may_do_what_they_have_to_and_no_more() {
    let seeds = tempdir().unwrap();
    let (configuration, [host, worker]) = keys(&seeds);
    let Some(mut cluster) = Cluster::start_with(&configuration, 0) else { return };
    cluster.join(&["--cluster-credentials", worker.to_str().unwrap()]);
    fs::write(cluster.path("in"), slow(2000)).unwrap();
    let credentials = ["--cluster-credentials", host.to_str().unwrap()];
    let run = cluster.run(&slow_loop(), &credentials).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(2000));

    // With a worker's key nobody hands out tasks, sees results, or changes runs.
    let seed = fs::read_to_string(&worker).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let client = runtime.block_on(async {
        let options = async_nats::ConnectOptions::new().nkey(seed).custom_inbox_prefix("engine.inbox.worker");
        let options = options.event_callback(move |event| {
            let sent = sender.send(event.to_string());
            async move { drop(sent) }
        });
        options.connect(cluster.server.url()).await.unwrap()
    });
    for subject in ["engine.task.one.1", "$KV.engine-runs.one", "$JS.API.STREAM.DELETE.ENGINE_TASKS_one"] {
        runtime.block_on(async { client.publish(subject, "x".into()).await.unwrap() });
        let refused = || told.recv_timeout(PATIENCE).unwrap();
        assert!(
            std::iter::repeat_with(refused)
                .any(|event| event.contains("ermissions") && event.contains(subject))
        );
    }
    let listening = runtime.block_on(client.subscribe("engine.result.>"));
    assert!(listening.is_ok());
    let refused = || told.recv_timeout(PATIENCE).unwrap();
    assert!(std::iter::repeat_with(refused).any(|event| event.contains("engine.result.>")));

    // Without a key there is nothing at all, and keys are never shown.
    let Did { code, stderr, .. } = fed(engine(["cluster", "status", &cluster.server.url()]), "");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("authorization"), "{stderr}");
    let path = cluster.path("in").display().to_string();
    let Did { stderr, .. } =
        fed(engine(["cluster", "status", &cluster.server.url(), "--cluster-credentials", &path]), "");
    assert_eq!(
        stderr,
        format!(
            "engine: {path} has no credentials: neither those that NATS' tools write nor the seed of an NKey\n"
        )
    );
}

#[test]
fn a_worker_serves_no_run_that_wants_more_than_it_allows() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    cluster.join(&["--memory", "8MiB"]);
    fs::write(cluster.path("in"), "1\n").unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    let run = cluster.run(&inc, &["--run-name", "one", "--memory", "64MiB"]).spawn().unwrap();
    let reason = "inc may have 64.0 MiB of memory, and here at most 8.0 MiB (--memory)";
    cluster.wait_until(|status| {
        status["workers"].as_object().unwrap().values().any(|worker| worker["refused"]["one"] == reason)
    });
    // Another one may.
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert_eq!(cluster.text("out"), "2\n");
}
