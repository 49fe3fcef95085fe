//! Channels, and records that are emitted or refused by hand.

use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, Source, sinks};

#[tokio::test]
async fn sending_to_a_full_channel_waits_for_the_sink() {
    let (sender, channel) = sources::channel(1);
    let source = Source::new();
    let (taken, mut waiting) = tokio::sync::mpsc::channel(1);
    source.stream().sink(sinks::consumer(Slow(taken)));
    let feeding = tokio::spawn(async move {
        channel.feed(&source, &CancellationToken::new()).await.unwrap();
        source.close().await.unwrap();
    });
    // The sink has one, and waits; one is in the channel.
    sender.send(1).await.unwrap();
    let first = waiting.recv().await.unwrap();
    sender.send(2).await.unwrap();
    assert_eq!(sender.try_send(3), Err(3));
    first.send(()).unwrap();
    let second = waiting.recv().await.unwrap();
    sender.send(3).await.unwrap();
    drop(sender);
    second.send(()).unwrap();
    waiting.recv().await.unwrap().send(()).unwrap();
    feeding.await.unwrap();
}

/// A sink that finishes an element when the test says so.
struct Slow(tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<()>>);

impl sinks::Consumer<i64> for Slow {
    async fn take(&mut self, _: i64) -> Result<(), sinks::Refusal> {
        let (done, wait) = tokio::sync::oneshot::channel();
        self.0.send(done).await.unwrap();
        wait.await.unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_stopped_channel_emits_what_was_sent() {
    let (sender, channel) = sources::channel(8);
    for x in 0..5 {
        sender.send(x).await.unwrap();
    }
    let source = Source::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    let stop = CancellationToken::new();
    stop.cancel();
    channel.feed(&source, &stop).await.unwrap();
    assert_eq!(list.take(), [0, 1, 2, 3, 4]);
    assert!(matches!(sender.send(5).await, Err(Error::Closed)));
}

#[tokio::test]
async fn emitted_and_refused_bytes_count_as_numbered_records() {
    let source = Source::<i64>::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    source.emit_records(["1", "2"]).await.unwrap();
    let skip = engine::FaultPolicy::skip();
    source.refuse(b"?", "reader", "it is no number", &skip).await.unwrap();
    source.emit_records(["4"]).await.unwrap();
    let long = vec![b'0'; (32 << 20) + 1];
    let error = source.emit_records([&b"5"[..], &long]).await.unwrap_err();
    assert_eq!(error.to_string(), "record 6 of the input is longer than 32.0 MiB");
    assert_eq!(list.take(), [1, 2, 4, 5]);
    assert_eq!(skip.first_fault().unwrap().to_string(), "record 3: reader: it is no number");
    assert_eq!((source.last_number(), source.progress().counts().faults), (5, 1));
}
