//! When a message is acknowledged, and what comes again if it is not.

use std::collections::BTreeSet;

use async_nats::jetstream;
use engine::cluster::Broker;
use engine::error::GraphError;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, Source};

use super::support::{Streams, TO_OUT, UNTIL_END, ended, killed, started, stream, without_repeats};
use crate::support::Did;
use crate::support::nats_server::NatsServer;
use crate::support::pipelines::Files;

#[tokio::test]
async fn a_killed_run_loses_nothing_and_repeats_only_what_was_in_flight() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(1..=3000).await;
    let options = format!("{UNTIL_END}\nin_flight = 50");
    let stages = "[stages.rate_limit]\ninterval = \"1ms\"\n[stages.buffer]\nn = 20\n";
    let files = broker.pipeline(&options, &format!("{stages}{TO_OUT}"));
    let mut under_way = 0;
    for killed_at in [300, 1000, 1800] {
        let run = started(files.command());
        broker.wait_for_arrivals(killed_at).await;
        killed(run);
        under_way += 50;
    }
    assert_eq!(ended(started(files.command())), (Some(0), String::new()));
    let numbers = broker.numbers().await;
    assert_eq!(numbers.iter().copied().collect::<BTreeSet<_>>(), (1..=3000).collect());
    assert!(numbers.len() <= 3000 + under_way, "{} came twice", numbers.len() - 3000);
    assert_eq!(broker.acknowledged().await, (3000, 0));
}

#[tokio::test]
async fn a_message_is_acknowledged_once_its_output_is_written() {
    let Some(broker) = Streams::start().await else { return };
    let inc =
        "[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\non_fault = { divert = \"dead\" }\n";
    let sinks = "[sinks.lines]\ntype = \"file\"\npath = \"out\"\nfrom = \"inc\"\n";
    let files = broker.pipeline("", &format!("{inc}{sinks}"));
    let run = started(files.command());
    broker.publish(["1", "two", "3"]).await;
    broker.wait_until_acknowledged(3).await;
    killed(run);
    assert_eq!(files.read("out"), "2\n4\n");
    assert!(files.read("dead").contains("\"record\":\"two\""), "{}", files.read("dead"));
}

#[tokio::test]
async fn a_fatal_fault_leaves_its_message_to_the_next_run() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(["1", "two", "3"]).await;
    let inc = "[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n";
    let files = broker.pipeline(UNTIL_END, &format!("{inc}{TO_OUT}"));
    let Did { code, stderr, .. } = files.run("");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("record 2: inc: expected an integer"), "{stderr}");
    assert!(broker.acknowledged().await.0 < 2);
    let files = broker.pipeline(UNTIL_END, &format!("{inc}on_fault = \"skip\"\n{TO_OUT}"));
    assert_eq!(files.run("").code, Some(0));
    assert_eq!(without_repeats(&broker.numbers().await), [2, 4]);
    assert_eq!(broker.acknowledged().await, (3, 0));
}

#[tokio::test]
async fn a_message_that_takes_long_is_not_redelivered() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(1..=3).await;
    let slow = format!("[stages.delay]\ninterval = \"5s\"\n{TO_OUT}");
    let files = broker.pipeline("ack_wait = \"1s\"", &slow);
    let run = started(files.command());
    broker.wait_until_acknowledged(3).await;
    killed(run);
    assert_eq!(broker.numbers().await, [1, 2, 3]);
    let info = broker.stream("IN").await.consumer_info("engine").await.unwrap();
    assert_eq!(info.delivered.consumer_sequence, 3);
}

#[tokio::test]
async fn records_with_an_id_are_deduplicated_across_runs() {
    let Some(broker) = Streams::start().await else { return };
    let sink = format!("[sources.stdin]\nformat = \"json\"\n{TO_OUT}id = \"id\"\non_fault = \"skip\"\n");
    let files = Files::new(&sink.replace("$SERVER", &broker.server.url()));
    let records = "{\"id\":1}\n{\"id\":2}\n{\"id\":1}\n{\"none\":1}\n{\"id\":3}\n";
    for _ in 0..2 {
        let Did { code, stderr, .. } = files.run(records);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stderr.contains("1 record left out, the first: record 4: nats (node out): "), "{stderr}");
        assert_eq!(broker.arrived().await, 3);
    }
}

#[tokio::test]
async fn a_broker_that_rejects_acknowledgements_ends_the_run() {
    let denied = "authorization { users: [{ user: a, password: b }, { nkey: KEY, permissions: { publish: { deny: \"$JS.ACK.>\" } } }] }";
    let pair = nkeys::KeyPair::new_user();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, pair.seed().unwrap()).unwrap();
    let Some(server) = NatsServer::start_with(&denied.replace("KEY", &pair.public_key())) else { return };
    let options = async_nats::ConnectOptions::with_user_and_password("a".into(), "b".into());
    let context = jetstream::new(options.connect(server.url()).await.unwrap());
    context.create_stream(stream("IN", "in")).await.unwrap();
    context.publish("in", "1".into()).await.unwrap().await.unwrap();
    let files = Files::new(&format!(
        "[sources.nats]\nserver = \"{}\"\nstream = \"IN\"\nconsumer = \"engine\"\ntimeout = \"2s\"\n\
         credentials = \"{}\"\n[sinks.stdout]\n",
        server.url(),
        key.display()
    ));
    let Did { code, stderr, .. } = files.run("");
    assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("does not permit this") && stderr.contains("$JS.ACK."), "{stderr}");
}

#[tokio::test]
async fn joining_two_acknowledged_sources_is_an_error() {
    let broker: Broker = "nats://127.0.0.1:1".parse().unwrap();
    let (one, other) = (Source::<String>::new(), Source::new());
    one.stream().union(other.stream()).sink(|_: String| {});
    let fed = sources::nats(broker, "IN", "engine").feed(&one, &CancellationToken::new()).await;
    assert!(matches!(fed, Err(Error::Graph(GraphError::MixedSources { .. }))), "{fed:?}");
}
