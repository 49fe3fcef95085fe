//! Messages through pipelines: their order, and how many travel at once.

use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use futures_util::StreamExt;

use super::support::{Streams, TO_OUT, UNTIL_END, ended, started, stream};
use crate::support::Did;

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
