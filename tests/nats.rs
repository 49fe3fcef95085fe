//! Streams of a NATS server as sources and sinks.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};
use engine::cluster::Broker;
use engine::error::GraphError;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, Source};
use futures_util::StreamExt;

use crate::nats_server::NatsServer;
use crate::pipelines::Files;
use crate::support::Did;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with the streams IN and OUT for the subjects `in` and `out`.
struct Streams {
    server: NatsServer,
}

impl Streams {
    /// None, with a note, if there is no NATS server.
    async fn start() -> Option<Self> {
        let this = Self { server: NatsServer::start()? };
        this.make(stream("IN", "in.>")).await;
        this.make(stream("OUT", "out")).await;
        Some(this)
    }

    async fn context(&self) -> Context {
        jetstream::new(async_nats::connect(self.server.url()).await.unwrap())
    }

    async fn make(&self, config: Config) {
        self.context().await.create_or_update_stream(config).await.unwrap();
    }

    async fn stream(&self, name: &str) -> Stream {
        self.context().await.get_stream(name).await.unwrap()
    }

    /// Publishes messages to `in.new`.
    async fn publish(&self, messages: impl IntoIterator<Item = impl ToString>) {
        let context = self.context().await;
        let mut last = None;
        for message in messages {
            last = Some(context.publish("in.new", message.to_string().into()).await.unwrap());
        }
        if let Some(last) = last {
            last.await.unwrap();
        }
    }

    /// How many messages OUT has.
    async fn arrived(&self) -> u64 {
        self.stream("OUT").await.info().await.unwrap().state.messages
    }

    async fn wait_for_arrivals(&self, messages: u64) {
        let begun = Instant::now();
        while self.arrived().await < messages {
            assert!(begun.elapsed() < PATIENCE, "too little comes");
        }
    }

    /// The messages of OUT, as numbers, in their order.
    async fn numbers(&self) -> Vec<u64> {
        let stream = self.stream("OUT").await;
        let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
        let mut left = self.arrived().await;
        let mut messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
        let mut numbers = Vec::new();
        while left > 0 {
            let message = messages.next().await.unwrap().unwrap();
            numbers.push(str::from_utf8(&message.payload).unwrap().parse().unwrap());
            left -= 1;
        }
        numbers
    }

    /// The last message of IN up to which all are acknowledged, and the number in flight.
    async fn acknowledged(&self) -> (u64, usize) {
        let info = self.stream("IN").await.consumer_info("engine").await.unwrap();
        (info.ack_floor.stream_sequence, info.num_ack_pending)
    }

    async fn wait_until_acknowledged(&self, message: u64) {
        let begun = Instant::now();
        // The run creates the consumer.
        while self.stream("IN").await.consumer_info("engine").await.is_err()
            || self.acknowledged().await.0 < message
        {
            assert!(
                begun.elapsed() < PATIENCE,
                "too little is acknowledged: {:?}",
                self.acknowledged().await
            );
        }
    }

    /// A pipeline from IN, with these options of the source, and these stages and sinks.
    fn pipeline(&self, options: &str, rest: &str) -> Files {
        let url = self.server.url();
        Files::new(&format!(
            "[sources.in]\ntype = \"nats\"\nserver = \"{url}\"\nstream = \"IN\"\nconsumer = \"engine\"\n{options}\n{}",
            rest.replace("$SERVER", &url)
        ))
    }
}

const TO_OUT: &str = "[sinks.out]\ntype = \"nats\"\nserver = \"$SERVER\"\nsubject = \"out\"\n";

const UNTIL_END: &str = "follow = false\nack_wait = \"1s\"";

fn stream(name: &str, subject: &str) -> Config {
    Config { name: name.into(), subjects: vec![subject.into()], ..Config::default() }
}

fn started(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn killed(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Drops repeated messages.
fn without_repeats(numbers: &[u64]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}

#[tokio::test]
async fn a_killed_server_keeps_what_it_acknowledged() {
    let Some(mut server) = NatsServer::start() else { return };
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = jetstream::new(client);
    context.create_stream(stream("numbers", "numbers")).await.unwrap();
    context.publish("numbers", "1".into()).await.unwrap().await.unwrap();

    server.restart();
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut stream = jetstream::new(client).get_stream("numbers").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
}

#[tokio::test]
async fn a_server_may_require_credentials() {
    let Some(server) = NatsServer::start_with("authorization { token: open }") else { return };
    assert!(async_nats::connect(server.url()).await.is_err());
    assert!(async_nats::ConnectOptions::with_token("open".into()).connect(server.url()).await.is_ok());
}

#[tokio::test]
async fn messages_pass_a_pipeline_in_order_and_are_acknowledged() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(1..=20_000).await;
    let stages =
        "[stages.scatter]\n[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n[stages.gather]\n";
    let files = broker.pipeline(UNTIL_END, &format!("{stages}{TO_OUT}"));
    let Did { code, stderr, .. } = files.run("");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(broker.numbers().await, (2..=20_001).collect::<Vec<u64>>());
    assert_eq!(broker.acknowledged().await, (20_000, 0));
}

#[tokio::test]
async fn a_message_published_during_the_run_is_answered_at_once() {
    let Some(broker) = Streams::start().await else { return };
    let files = broker.pipeline("subject = \"in.new\"", TO_OUT);
    let run = started(files.command());
    for number in 1..=3 {
        broker.publish([number]).await;
        broker.wait_for_arrivals(number).await;
        broker.wait_until_acknowledged(number).await;
    }
    let id = run.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(ended(run).0, Some(130));
}

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
async fn dropped_and_split_messages_make_room_for_others() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish((1..=500).map(|number| format!("[{number},{number}]"))).await;
    let stages = "[stages.slice]\nstart = 490\n[stages.flatten]\n[stages.buffer]\nn = 1\n";
    let files = broker
        .pipeline(&format!("{UNTIL_END}\nin_flight = 4\nformat = \"json\""), &format!("{stages}{TO_OUT}"));
    let Did { code, stderr, .. } = files.run("");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(broker.numbers().await, (491..=500).flat_map(|x| [x, x]).collect::<Vec<u64>>());
    assert_eq!(broker.acknowledged().await, (500, 0));
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
async fn a_full_stream_slows_the_source_down_and_keeps_the_order() {
    let Some(broker) = Streams::start().await else { return };
    // Acknowledging messages there makes room.
    let retention = RetentionPolicy::WorkQueue;
    broker
        .make(Config { retention, max_messages: 10, discard: DiscardPolicy::New, ..stream("QUEUE", "queue") })
        .await;
    broker.publish(1..=500).await;
    let files = broker.pipeline(UNTIL_END, &TO_OUT.replace("\"out\"", "\"queue\""));
    let run = started(files.command());
    let mut queue = broker.stream("QUEUE").await;
    while queue.info().await.unwrap().state.messages < 10 {}
    // Messages whose output had no room are not acknowledged.
    assert!(broker.acknowledged().await.0 <= 10);
    let consumer = queue.create_consumer(pull::Config::default()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for number in 1..=500 {
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(message.payload, number.to_string());
        message.ack().await.unwrap();
    }
    assert_eq!(ended(run), (Some(0), String::new()));
    assert_eq!(broker.acknowledged().await, (500, 0));
}

#[tokio::test]
async fn concurrent_publishers_do_not_change_the_order() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(1..=2000).await;
    let files = broker.pipeline(UNTIL_END, TO_OUT);
    let run = started(files.command());
    let context = broker.context().await;
    for _ in 0..100 {
        context.publish("out", "0".into()).await.unwrap().await.unwrap();
    }
    assert_eq!(ended(run), (Some(0), String::new()));
    let numbers: Vec<u64> = broker.numbers().await.into_iter().filter(|number| *number > 0).collect();
    assert_eq!(numbers, (1..=2000).collect::<Vec<u64>>());
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
        assert!(stderr.contains("1 record left out, the first: record 4: nats: "), "{stderr}");
        assert_eq!(broker.arrived().await, 3);
    }
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
async fn a_consumer_may_limit_how_much_is_fetched_at_once() {
    let Some(broker) = Streams::start().await else { return };
    broker.publish(1..=500).await;
    let bounded = pull::Config {
        durable_name: Some("engine".into()),
        max_batch: 20,
        max_bytes: 1 << 10,
        max_expires: Duration::from_millis(500),
        ..pull::Config::default()
    };
    broker.stream("IN").await.create_consumer(bounded).await.unwrap();
    let Did { code, stderr, .. } = broker.pipeline(UNTIL_END, TO_OUT).run("");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(broker.numbers().await, (1..=500).collect::<Vec<u64>>());
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

#[tokio::test]
async fn joining_two_acknowledged_sources_is_an_error() {
    let broker: Broker = "nats://127.0.0.1:1".parse().unwrap();
    let (one, other) = (Source::<String>::new(), Source::new());
    one.stream().union(other.stream()).sink(|_: String| {});
    let fed = sources::nats(broker, "IN", "engine").feed(&one, &CancellationToken::new()).await;
    assert!(matches!(fed, Err(Error::Graph(GraphError::MixedSources { .. }))), "{fed:?}");
}
