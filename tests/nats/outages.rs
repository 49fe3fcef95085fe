//! Brokers that restart, go away or lack something.

use async_nats::jetstream::consumer::{AckPolicy, pull};

use super::support::{Streams, TO_OUT, UNTIL_END, ended, started, without_repeats};
use crate::support::Did;
use crate::support::nats_server::NatsServer;
use crate::support::pipelines::Files;

#[tokio::test]
async fn a_run_waits_for_its_broker_to_restart() {
    let Some(mut broker) = Streams::start().await else { return };
    broker.publish(1..=3000).await;
    let stages = "[stages.rate_limit]\ninterval = \"1ms\"\n";
    let files = broker.pipeline(UNTIL_END, &format!("{stages}{TO_OUT}"));
    let run = started(files.command());
    for arrived in [300, 1500] {
        broker.wait_for_arrivals(arrived).await;
        broker.server.restart();
    }
    assert_eq!(ended(run), (Some(0), String::new()));
    // A killed broker may forget the last acknowledgements.
    assert_eq!(without_repeats(&broker.numbers().await), (1..=3000).collect::<Vec<u64>>());
    assert_eq!(broker.acknowledged().await.1, 0);
}

#[tokio::test]
async fn a_broker_that_does_not_return_ends_the_run() {
    let Some(mut broker) = Streams::start().await else { return };
    broker.publish(1..=10).await;
    let files = broker.pipeline("timeout = \"1s\"", &format!("{TO_OUT}timeout = \"1s\"\n"));
    let run = started(files.command());
    broker.wait_for_arrivals(10).await;
    broker.wait_until_acknowledged(10).await;
    broker.server.kill();
    let (code, said) = ended(run);
    assert_eq!(code, Some(1));
    assert!(said.contains("has not answered for 1s") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn missing_broker_resources_are_named_with_one_line() {
    let Some(broker) = Streams::start().await else { return };
    let url = broker.server.url();
    broker.publish([1]).await;
    let tells = |files: &Files, what: &str| {
        let Did { code, stderr, .. } = files.run("");
        assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains(what), "{stderr}");
    };
    let source = format!("[sources.nats]\nserver = \"{url}\"\nstream = \"NONE\"\nconsumer = \"engine\"\n");
    let files = Files::new(&format!("{source}[sinks.file]\npath = \"out\"\n"));
    files.write("out", "before");
    tells(&files, &format!("the broker at {url} has no stream NONE"));
    assert_eq!(files.read("out"), "before");
    let files = broker.pipeline("", &TO_OUT.replace("\"out\"", "\"nobody\""));
    tells(&files, &format!("no stream of the broker at {url} takes the subject nobody"));

    let engine = pull::Config {
        durable_name: Some("engine".into()),
        filter_subject: "in.old".into(),
        ..pull::Config::default()
    };
    let stream = broker.stream("IN").await;
    stream.delete_consumer("engine").await.unwrap();
    stream.create_consumer(engine.clone()).await.unwrap();
    let files = broker.pipeline("subject = \"in.new\"", TO_OUT);
    tells(&files, "the consumer engine of the stream IN is for [\"in.old\"], not for \"in.new\"");
    stream.delete_consumer("engine").await.unwrap();
    stream.create_consumer(pull::Config { ack_policy: AckPolicy::None, ..engine }).await.unwrap();
    tells(&broker.pipeline("", TO_OUT), "its ack policy must be explicit");
    stream.delete_consumer("engine").await.unwrap();
    let headers =
        pull::Config { durable_name: Some("engine".into()), headers_only: true, ..pull::Config::default() };
    stream.create_consumer(headers).await.unwrap();
    tells(&broker.pipeline("", TO_OUT), "gives headers alone");
}

#[tokio::test]
async fn missing_credentials_are_reported() {
    let Some(server) = NatsServer::start_with("authorization { token: open }") else { return };
    let url = server.url();
    let source = format!("[sources.nats]\nserver = \"{url}\"\nstream = \"IN\"\nconsumer = \"engine\"\n");
    let sink = format!("[sinks.nats]\nserver = \"{url}\"\nsubject = \"out\"\n");
    for pipeline in [format!("{source}[sinks.stdout]\n"), format!("[sources.stdin]\n{sink}")] {
        let Did { code, stderr, .. } = Files::new(&pipeline).run("1\n");
        assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
        let said = format!("the broker at {url} rejected a client without credentials");
        assert!(stderr.contains(&said), "{stderr}");
    }
}
