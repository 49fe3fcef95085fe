//! Permissions: keys, and what a worker allows.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::{TempDir, tempdir};

use super::fed_run::FedRun;
use super::processes::{Cluster, PATIENCE, ended, slow, slow_loop};
use crate::support::machines::Machine;
use crate::support::{Did, engine, fed, function_of, hostile};

/// A key, and a file with its seed.
fn key(folder: &TempDir, name: &str) -> (String, PathBuf) {
    let pair = nkeys::KeyPair::new_user();
    let path = folder.path().join(name);
    fs::write(&path, pair.seed().unwrap()).unwrap();
    (pair.public_key(), path)
}

/// The documented configuration, with keys and files of their seeds.
fn keys(folder: &TempDir) -> (String, [PathBuf; 2]) {
    let [host, worker] = ["host", "worker"].map(|name| key(folder, name));
    let documented = fs::read_to_string(crate::support::root().join("docs/cluster/nats.conf")).unwrap();
    let configuration = documented.replace("HOST_KEY", &host.0).replace("WORKER_KEY", &worker.0);
    (configuration, [host.1, worker.1])
}

#[test]
fn row_29_hosts_and_workers_have_only_the_permissions_they_need() {
    let seeds = tempdir().unwrap();
    let (configuration, [host, worker]) = keys(&seeds);
    let Some(mut cluster) = Cluster::start_with(&configuration, 0) else { return };
    cluster.join(&["--cluster-credentials", worker.to_str().unwrap()]);
    fs::write(cluster.path("in"), slow(2000)).unwrap();
    let credentials = ["--cluster-credentials", host.to_str().unwrap()];
    let run = cluster.run(&slow_loop(), &credentials).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(2000));

    // A worker's key can't dispatch tasks, read results, or change runs.
    let seed = fs::read_to_string(&worker).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let client = runtime.block_on(async {
        let options = async_nats::ConnectOptions::new().nkey(seed).custom_inbox_prefix("engine.inbox.worker");
        let options = options.event_callback(move |event| {
            let sent = sender.send(event.to_string());
            async move { drop(sent) }
        });
        options.connect(cluster.url()).await.unwrap()
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

    // Without a key nothing is allowed, and keys are never shown.
    let Did { code, stderr, .. } = fed(engine(["cluster", "status", cluster.url()]), "");
    assert_eq!(code, Some(2), "{stderr}");
    let said = format!("engine: the broker at {} rejected a client without credentials\n", cluster.url());
    assert_eq!(stderr, said);
    let path = cluster.path("in").display().to_string();
    let Did { stderr, .. } =
        fed(engine(["cluster", "status", cluster.url(), "--cluster-credentials", &path]), "");
    assert_eq!(
        stderr,
        format!(
            "engine: {path} has no credentials: expected what NATS' tools write, or the seed of an NKey\n"
        )
    );
}

#[test]
fn a_wrong_key_is_reported_with_the_denied_action() {
    let seeds = tempdir().unwrap();
    let (configuration, [host, worker]) = keys(&seeds);
    let Some(cluster) = Cluster::start_with(&configuration, 0) else { return };
    fs::write(cluster.path("in"), "500\n").unwrap();
    let run =
        cluster.run(&slow_loop(), &["--cluster-credentials", worker.to_str().unwrap()]).spawn().unwrap();
    let (code, said) = ended(run);
    let expected = format!("engine: the broker at {} does not permit this (", cluster.url());
    assert!(code == Some(2) && said.starts_with(&expected) && said.lines().count() == 1, "{code:?}: {said}");

    let args = ["worker", "--cluster", cluster.url(), "--cluster-credentials", host.to_str().unwrap()];
    let mut child = engine(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    // It keeps trying: the server's administrator may permit it later.
    let told = lines.find(|line| line.starts_with("engine: the broker refuses: "));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.is_some_and(|line| line.contains("engine.inbox.worker")));
}

#[test]
fn a_host_that_cannot_list_hosts_removes_no_run() {
    let seeds = tempdir().unwrap();
    let [all, some] = ["all", "some"].map(|name| key(&seeds, name));
    let denied = "permissions: { publish: { deny: \"$JS.API.STREAM.INFO.KV_engine-hosts\" } }";
    let users = format!("{{ nkey: {} }}, {{ nkey: {}, {denied} }}", all.0, some.0);
    let configuration = format!("authorization {{ users: [{users}] }}");
    let Some(mut cluster) = Cluster::start_with(&configuration, 0) else { return };
    let known = ["--cluster-credentials", all.1.to_str().unwrap()];
    cluster.join(&known);
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &known);
    run.give(500);
    run.wait_for(100);
    let credentials = some.1.display().to_string();
    let clean = ["cluster", "clean", cluster.url(), "--cluster-credentials", &credentials];
    let Did { code, stdout, stderr } = fed(engine(clean), "");
    assert_eq!((code, &*stdout, stderr.lines().count()), (Some(2), "", 1), "{stderr}");
    run.give(500);
    run.end();
}

#[test]
fn a_worker_refuses_runs_that_want_more_than_it_allows() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let most = ["--memory=64MiB", "--timeout=10s", "--output-size=32MiB", "--allow=clock"];
    // Each lacks something of what the run wants.
    let refusing = [
        ("--memory=8MiB", "now may use 64.0 MiB of memory, and this worker allows 8.0 MiB"),
        ("--timeout=1s", "now may take 10s for a record, and this worker allows 1s"),
        ("--output-size=1KiB", "now may return 32.0 MiB for a record, and this worker allows 1.0 KiB"),
        ("--allow=random", "now needs clock, which this worker does not allow"),
    ];
    for ((less, _), instead) in refusing.iter().zip(most) {
        let rest = most.iter().filter(|more| **more != instead);
        let args: Vec<_> = rest.chain([less]).copied().collect();
        cluster.join(&args);
    }
    fs::write(cluster.path("in"), "1\n").unwrap();
    let now = function_of(&hostile("granted"), "now");
    let args = [&["--run-name", "one", "--allow", "clock"], &most[..3]].concat();
    let mut run = cluster.run(&now, &args).spawn().unwrap();
    for ((_, reason), worker) in refusing.iter().zip(&cluster.workers) {
        cluster.wait_until(|status| {
            let mut workers = status["workers"].as_object().unwrap().values();
            workers.any(|known| known["process"] == worker.id() && known["refused"]["one"] == *reason)
        });
    }
    assert!(run.try_wait().unwrap().is_none(), "no worker may serve it");
    // Another one may.
    cluster.join(&most);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out").trim().parse::<u64>().is_ok());
}

#[test]
fn a_worker_names_the_flag_that_lets_it_serve_a_run() {
    let Some(cluster) = Cluster::start(0) else { return };
    fs::write(cluster.path("in"), "1\n").unwrap();
    let now = function_of(&hostile("granted"), "now");
    let mut run = cluster.run(&now, &["--allow", "clock"]).spawn().unwrap();
    for (less, flag) in
        [("--plugin-size=1KiB", "--plugin-size"), ("--compile-timeout=1ms", "--compile-timeout")]
    {
        let mut worker = engine(["worker", "--cluster", cluster.url(), "--allow=clock", less]);
        worker.env("XDG_CACHE_HOME", cluster.path("cache")).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut worker = worker.spawn().unwrap();
        let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines().map_while(Result::ok);
        let refused = lines.find(|line| line.contains(" is not served: "));
        worker.kill().unwrap();
        worker.wait().unwrap();
        let refused = refused.unwrap();
        assert!(refused.ends_with(&format!(" (raise it with {flag})")), "{refused}");
    }
    run.kill().unwrap();
    run.wait().unwrap();
}
