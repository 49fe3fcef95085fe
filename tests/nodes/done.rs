//! When an element is done.

use std::sync::Arc;

use engine::sinks::{self, Consumer, Refusal};
use engine::{FaultPolicy, Source};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::support::{MS, n};
use crate::support::list;

#[tokio::test(start_paused = true)]
async fn elements_are_done_once_no_node_holds_them() {
    let source = Source::new();
    let (done, log) = list();
    source.progress().on_done(move |done| log.lock().unwrap().push(done.last));
    source.stream().partition(n(2)).buffer(10).sink(|_: Vec<i64>| {});
    for x in 0..3 {
        source.emit(x).await.unwrap();
    }
    sleep(MS(1)).await;
    assert_eq!(*done.lock().unwrap(), [2]);
    source.close().await.unwrap();
    assert_eq!(*done.lock().unwrap(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_done_callback_says_which_elements_were_faults() {
    let source = Source::new();
    let (done, log) = list();
    source.progress().on_done(move |done| log.lock().unwrap().push((done.last, done.faults.to_vec())));
    let parse = |line: String| line.parse::<u8>();
    source.stream().try_map(parse, &FaultPolicy::skip()).buffer(10).sink(|_: u8| {});
    for line in ["1", "two", "three", "4"] {
        source.emit(line.to_owned()).await.unwrap();
    }
    source.close().await.unwrap();
    let faults: Vec<u64> = done.lock().unwrap().iter().flat_map(|(_, faults)| faults.clone()).collect();
    assert_eq!(faults, [2, 3]);
    assert_eq!(done.lock().unwrap().last().map(|(last, _)| *last), Some(4));
}

#[tokio::test(start_paused = true)]
async fn elements_dropped_before_a_holding_node_are_done_at_once() {
    let source = Source::new();
    let (done, log) = list();
    source.progress().on_done(move |done| log.lock().unwrap().push(done.last));
    source.stream().filter(|x: &i64| *x == 1).buffer(10).sink(|_: i64| {});
    source.emit(1).await.unwrap();
    sleep(MS(1)).await;
    for x in 2..=4 {
        source.emit(x).await.unwrap();
        assert_eq!(done.lock().unwrap().last().copied(), x.try_into().ok());
    }
}

#[tokio::test]
async fn an_element_is_done_once_every_branch_is_done_with_it() {
    let source = Source::new();
    let (sender, told) = std::sync::mpsc::channel();
    source.progress().on_done(move |done| sender.send(done.last).unwrap());
    let through = Arc::new(Notify::new());
    let passed = through.clone();
    source.stream().buffer(10).sink(move |_: i64| passed.notify_one());
    let (gate, opened) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let opens = opened.clone();
    source.stream().sink(sinks::consumer(Gated { gate: gate.clone(), reached: opens }));
    let emitting = async {
        source.emit(1).await.unwrap();
        source.emit(2).await.unwrap();
    };
    let watching = async {
        opened.notified().await;
        through.notified().await;
        // One branch has finished it, the other one is processing it.
        tokio::task::yield_now().await;
        assert!(told.try_recv().is_err());
        gate.notify_one();
        gate.notify_one();
        opened.notified().await;
        assert_eq!(told.try_recv(), Ok(1));
        gate.notify_one();
    };
    tokio::join!(emitting, watching);
    source.close().await.unwrap();
    assert_eq!(told.try_recv(), Ok(2));
}

/// Takes an element when the test allows it.
struct Gated {
    gate: Arc<Notify>,
    reached: Arc<Notify>,
}

impl Consumer<i64> for Gated {
    async fn take(&mut self, _: i64) -> Result<(), Refusal> {
        self.reached.notify_one();
        self.gate.notified().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_element_is_done_with_its_last_piece() {
    let source = Source::new();
    let (done, log) = list();
    source.progress().on_done(move |done| log.lock().unwrap().push(done.last));
    let (taken, pieces) = list();
    let slow = source.stream().flat_map(|x: i64| vec![x; 3]).buffer(10).rate_limit(MS(10));
    slow.sink(move |x: i64| pieces.lock().unwrap().push(x));
    source.emit(1).await.unwrap();
    while taken.lock().unwrap().len() < 3 {
        assert!(done.lock().unwrap().is_empty());
        sleep(MS(1)).await;
    }
    sleep(MS(1)).await;
    assert_eq!(*done.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_fatal_element_and_those_after_it_are_not_done() {
    let source = Source::new();
    let (done, log) = list();
    source.progress().on_done(move |done| log.lock().unwrap().push(done.last));
    let numbers = source.stream().buffer(10).try_map(|line: String| line.parse::<u8>(), &FaultPolicy::stop());
    numbers.sink(|_: u8| {});
    for line in ["1", "2", "three", "4"] {
        let _ = source.emit(line.to_owned()).await;
    }
    source.close().await.unwrap_err();
    assert_eq!(done.lock().unwrap().last(), Some(&2));
}

#[tokio::test]
async fn a_join_of_two_sources_reports_no_element_as_done() {
    let (one, other) = (Source::new(), Source::new());
    let (done, log) = list();
    one.progress().on_done(move |done| log.lock().unwrap().push(done.last));
    one.stream().union(other.stream()).buffer(10).sink(|_: i64| {});
    one.emit(1).await.unwrap();
    other.emit(1).await.unwrap();
    one.close().await.unwrap();
    other.close().await.unwrap();
    assert!(done.lock().unwrap().is_empty());
}
