//! Invalid messages, and messages of another version.

use std::fs;

use super::processes::{Cluster, ended, slow, slow_loop};
use crate::support::{Did, engine, fed};

pub(super) fn client(url: &str) -> (tokio::runtime::Runtime, async_nats::Client) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(async_nats::connect(url)).unwrap();
    (runtime, client)
}

#[test]
fn row_28_invalid_messages_do_no_harm() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    fs::write(cluster.path("in"), slow(2000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--run-name", "one"]).spawn().unwrap();
    cluster.wait_until(|status| status["runs"]["one"]["tasks"].as_u64() > Some(0));
    let epoch = cluster.status()["runs"]["one"]["epoch"].as_u64().unwrap();
    let (runtime, client) = client(cluster.url());
    let context = runtime.block_on(async { async_nats::jetstream::new(client) });
    let other_version = [&[9][..], &[0; 40]].concat();
    let large = vec![2; 900 << 10];
    for message in [&b""[..], b"no task at all", &[2, 0, 0, 0, 0], &other_version, &large] {
        for what in ["task", "result"] {
            let subject = format!("engine.{what}.one.{epoch}");
            let message = bytes::Bytes::copy_from_slice(message);
            runtime.block_on(async { context.publish(subject, message).await.unwrap().await.unwrap() });
        }
    }
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(2000));
}

#[test]
fn row_28_a_host_of_another_version_is_refused_naming_both() {
    let Some(cluster) = Cluster::start(1) else { return };
    let (runtime, client) = client(cluster.url());
    let context = runtime.block_on(async { async_nats::jetstream::new(client) });
    cluster.wait_until(|status| {
        !status["workers"].as_object().unwrap().is_empty() || runs(&runtime, &context).is_none()
    });
    let run = serde_json::json!({
        "protocol": 9, "engine": "9.9.9", "epoch": 1, "host": { "name": "there", "process": 1 }, "ack_wait": 5000,
        "segments": [], "done": 0, "ended": false,
    });
    // No host was here before: create the bucket like a host.
    let store = runtime.block_on(async {
        let config = async_nats::jetstream::kv::Config { bucket: "engine-runs".into(), ..Default::default() };
        context.create_key_value(config).await.unwrap()
    });
    let workers = async_nats::jetstream::kv::Config { bucket: "engine-workers".into(), ..Default::default() };
    runtime.block_on(async {
        context.create_key_value(workers).await.unwrap();
        store.put("new", run.to_string().into()).await.unwrap();
    });
    cluster.wait_until(|status| {
        status["workers"].as_object().unwrap().values().any(|worker| {
            let reason = worker["refused"]["new"].as_str().unwrap_or_default();
            reason.starts_with(
                "its host speaks version 9 of the protocol (engine 9.9.9), and this is version 2",
            )
        })
    });
}

fn runs(runtime: &tokio::runtime::Runtime, context: &async_nats::jetstream::Context) -> Option<()> {
    runtime.block_on(context.get_key_value("engine-runs")).ok().map(drop)
}

#[test]
fn row_28_unknown_names_are_ignored() {
    let Some(cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), "500\n").unwrap();
    assert_eq!(ended(cluster.run(&slow_loop(), &[]).spawn().unwrap()), (Some(0), String::new()));
    let (runtime, client) = client(cluster.url());
    let context = runtime.block_on(async { async_nats::jetstream::new(client) });
    for bucket in ["workers", "runs", "hosts"] {
        let subject = format!("$KV.engine-{bucket}.x!y");
        runtime.block_on(async { context.publish(subject, "{}".into()).await.unwrap().await.unwrap() });
    }
    for command in ["status", "clean"] {
        let Did { code, stderr, .. } = fed(engine(["cluster", command, cluster.url()]), "");
        assert_eq!((code, &*stderr), (Some(0), ""), "{command}");
    }
}
