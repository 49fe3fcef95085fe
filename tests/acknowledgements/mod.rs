//! Messages of a broker are acknowledged when everything that came of them is out. The broker is in memory; the same
//! holds for NATS in `nats/`.

mod broker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, Receiver};
use engine::plugin::Output;
use engine::sinks::{Consumer, Refusal};
use engine::sources::Feed;
use engine::{CancellationToken, Error, FaultPolicy, Source, Stream, sinks};
use tokio::sync::oneshot;

use crate::support::{List, divert_to_list, list};

const fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// Runs all messages of a broker through a graph.
async fn run(broker: &Arc<Broker>, build: impl FnOnce(Stream<String>)) -> Result<(), Error> {
    let source = Source::new();
    build(source.stream());
    let receiver = Receiver { broker: broker.clone(), follows: false, policy: FaultPolicy::skip() };
    let fed = receiver.feed(&source, &CancellationToken::new()).await;
    source.close().await.and(fed)
}

#[tokio::test]
async fn messages_are_acknowledged_when_their_output_is_written() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let broker = Broker::new((1..=1000).map(|number| number.to_string()));
    // A killed run would leave what is written at this moment.
    let broker = Arc::new(broker.on_acknowledged(move |texts| {
        let written = std::fs::read_to_string(&path).unwrap();
        let written: std::collections::HashSet<_> = written.lines().collect();
        texts.iter().for_each(|text| assert!(written.contains(text), "{text} is not written"));
    }));
    let output = Output::new(file.reopen().unwrap());
    run(&broker, |stream| stream.buffer(8).sink(sinks::lines(&output))).await.unwrap();
    let acknowledged = broker.state().acknowledged.clone();
    let expected: Vec<_> = (1..=1000).map(|number| (number.to_string(), None)).collect();
    assert_eq!(acknowledged, expected);
}

#[tokio::test]
async fn a_message_that_a_node_holds_is_not_acknowledged() {
    let broker = Arc::new(Broker::new(["1", "2", "3"]));
    let (source, stop) = (Source::<String>::new(), CancellationToken::new());
    source.stream().partition(n(2)).sink(|_: Vec<String>| {});
    let (receiver, stopped) =
        (Receiver { broker: broker.clone(), follows: true, policy: FaultPolicy::stop() }, stop.clone());
    let feeding = tokio::spawn(async move {
        let fed = receiver.feed(&source, &stopped).await;
        source.close().await.and(fed)
    });
    broker.until(|state| state.acknowledged.len() == 2).await;
    assert_eq!(broker.state().delivered.len(), 1);
    stop.cancel();
    feeding.await.unwrap().unwrap();
    assert_eq!(broker.state().acknowledged.len(), 3);
}

#[tokio::test]
async fn a_failed_run_gives_back_what_is_not_done_and_the_next_run_loses_nothing() {
    let broker = Arc::new(Broker::new(["1", "2", "x", "4"]));
    let parse = |line: String| line.parse::<i64>();
    let (sink, first) = sinks::list();
    let failed =
        run(&broker, |stream| stream.buffer(8).try_map(parse, &FaultPolicy::stop()).sink(sink)).await;
    assert!(matches!(failed, Err(Error::Fault(fault)) if fault.record == 3));
    assert_eq!(broker.state().acknowledged.len(), first.take().len());
    let (policy, letters) = divert_to_list();
    let (sink, second) = sinks::list();
    run(&broker, |stream| stream.try_map(parse, &policy).sink(sink)).await.unwrap();
    let state = broker.state();
    let mut texts: Vec<_> = state.acknowledged.iter().map(|(text, _)| text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["1", "2", "4", "x"]);
    assert_eq!((second.take().last(), letters.read().len()), (Some(&4), 1));
    let faults: Vec<_> = state.acknowledged.iter().filter(|(_, fault)| fault.is_some()).collect();
    assert_eq!(faults.len(), 1);
    assert!(state.waiting.is_empty() && state.delivered.is_empty());
}

#[tokio::test]
async fn a_message_with_several_records_is_done_with_the_last_and_has_its_first_fault() {
    let broker = Arc::new(Broker::new(["1\n2\nx\n4\ny", "", "5", "?", "6"]));
    let (sink, list) = sinks::list();
    let parse = |line: String| line.parse::<i64>();
    run(&broker, |stream| stream.buffer(2).try_map(parse, &FaultPolicy::skip()).sink(sink)).await.unwrap();
    assert_eq!(list.take(), [1, 2, 4, 5, 6]);
    let told = |text: &str, fault| (text.to_owned(), fault);
    let expected = [told("1\n2\nx\n4\ny", Some(3)), told("", None), told("5", None), told("?", Some(7))];
    assert_eq!(broker.state().acknowledged[..4], expected);
    assert_eq!(broker.state().acknowledged.len(), 5);
}

#[tokio::test]
async fn a_message_that_is_delivered_again_is_processed_once_and_acknowledged_by_its_last_tag() {
    let broker = Arc::new(Broker::new(["slow", "next"]));
    let (go_on, wait) = oneshot::channel();
    let (source, stop) = (Source::<String>::new(), CancellationToken::new());
    let (taken, list) = list();
    source.stream().buffer(4).sink(sinks::consumer(Gate { wait: Some(wait), taken }));
    let (receiver, stopped) =
        (Receiver { broker: broker.clone(), follows: true, policy: FaultPolicy::stop() }, stop.clone());
    let feeding = tokio::spawn(async move {
        let fed = receiver.feed(&source, &stopped).await;
        source.close().await.and(fed)
    });
    broker.until(|state| state.delivered.len() == 2).await;
    broker.redeliver(1);
    broker.until(|state| state.waiting.is_empty()).await;
    go_on.send(()).unwrap();
    broker.until(|state| state.acknowledged.len() == 2).await;
    stop.cancel();
    feeding.await.unwrap().unwrap();
    assert_eq!(*list.lock().unwrap(), ["slow", "next"]);
}

/// A sink that takes its first record only when it may.
struct Gate {
    wait: Option<oneshot::Receiver<()>>,
    taken: List<String>,
}

impl Consumer<String> for Gate {
    async fn take(&mut self, record: String) -> Result<(), Refusal> {
        if let Some(wait) = self.wait.take() {
            wait.await.unwrap();
        }
        self.taken.lock().unwrap().push(record);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_while_messages_are_being_processed() {
    let broker = Arc::new(Broker::new(["1", "2"]).reporting_each(Duration::from_secs(1)));
    run(&broker, |stream| stream.delay(Duration::from_millis(3500)).sink(|_: String| {})).await.unwrap();
    let state = broker.state();
    assert_eq!(state.in_progress, [[1, 2]; 3]);
    assert_eq!(state.acknowledged.len(), 2);
}

#[tokio::test]
async fn a_broker_that_panics_ends_the_run() {
    let broker = Arc::new(Broker::new(["1"]).on_acknowledged(|_| panic!("it is told")));
    let (source, stop) = (Source::<String>::new(), CancellationToken::new());
    source.stream().sink(|_: String| {});
    let receiver = Receiver { broker, follows: true, policy: FaultPolicy::stop() };
    let feeding = tokio::spawn(async move {
        assert!(receiver.feed(&source, &stop).await.is_err());
        source.close().await
    });
    let ended = tokio::time::timeout(Duration::from_secs(20), feeding).await.expect("it ends soon");
    assert!(ended.unwrap_err().is_panic());
}

#[tokio::test]
async fn a_source_whose_records_meet_those_of_another_can_not_acknowledge() {
    let (one, other) = (Source::<String>::new(), Source::new());
    one.stream().union(other.stream()).sink(|_: String| {});
    let broker = Arc::new(Broker::new(["1"]));
    let receiver = Receiver { broker: broker.clone(), follows: false, policy: FaultPolicy::stop() };
    let fed = receiver.feed(&one, &CancellationToken::new()).await;
    let error = fed.unwrap_err().to_string();
    assert_eq!(error, "broker: can't acknowledge records where streams of two sources meet");
    assert_eq!(broker.state().waiting.len(), 1);
}
