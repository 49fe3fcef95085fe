//! Helpers: a server with two streams, and runs between them.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;

use crate::support::nats_server::NatsServer;
use crate::support::pipelines::Files;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with the streams IN and OUT for the subjects `in` and `out`.
pub(super) struct Streams {
    pub(super) server: NatsServer,
}

impl Streams {
    /// None, with a note, if there is no NATS server.
    pub(super) async fn start() -> Option<Self> {
        let this = Self { server: NatsServer::start()? };
        this.make(stream("IN", "in.>")).await;
        this.make(stream("OUT", "out")).await;
        Some(this)
    }

    pub(super) async fn context(&self) -> Context {
        jetstream::new(async_nats::connect(self.server.url()).await.unwrap())
    }

    pub(super) async fn make(&self, config: Config) {
        self.context().await.create_or_update_stream(config).await.unwrap();
    }

    pub(super) async fn stream(&self, name: &str) -> Stream {
        self.context().await.get_stream(name).await.unwrap()
    }

    /// Publishes messages to `in.new`.
    pub(super) async fn publish(&self, messages: impl IntoIterator<Item = impl ToString>) {
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
    pub(super) async fn arrived(&self) -> u64 {
        self.stream("OUT").await.info().await.unwrap().state.messages
    }

    pub(super) async fn wait_for_arrivals(&self, messages: u64) {
        let begun = Instant::now();
        while self.arrived().await < messages {
            assert!(begun.elapsed() < PATIENCE, "too little comes");
        }
    }

    /// The messages of OUT, as numbers, in their order.
    pub(super) async fn numbers(&self) -> Vec<u64> {
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
    pub(super) async fn acknowledged(&self) -> (u64, usize) {
        let info = self.stream("IN").await.consumer_info("engine").await.unwrap();
        (info.ack_floor.stream_sequence, info.num_ack_pending)
    }

    pub(super) async fn wait_until_acknowledged(&self, message: u64) {
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
    pub(super) fn pipeline(&self, options: &str, rest: &str) -> Files {
        let url = self.server.url();
        Files::new(&format!(
            "[sources.in]\ntype = \"nats\"\nserver = \"{url}\"\nstream = \"IN\"\nconsumer = \"engine\"\n{options}\n{}",
            rest.replace("$SERVER", &url)
        ))
    }
}

pub(super) const TO_OUT: &str = "[sinks.out]\ntype = \"nats\"\nserver = \"$SERVER\"\nsubject = \"out\"\n";

pub(super) const UNTIL_END: &str = "follow = false\nack_wait = \"1s\"";

pub(super) fn stream(name: &str, subject: &str) -> Config {
    Config { name: name.into(), subjects: vec![subject.into()], ..Config::default() }
}

pub(super) fn started(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(super) fn killed(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(super) fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Drops repeated messages.
pub(super) fn without_repeats(numbers: &[u64]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}
