//! Nodes that delay, limit and buffer.

use engine::{Cause, Error, Json, Source, Stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::support::MS;
use crate::support::list;

#[tokio::test(start_paused = true)]
async fn delay_applies_to_each_element_in_order() {
    let source = Source::new();
    let (seen, log) = list();
    let begun = Instant::now();
    source.stream().delay(MS(100)).sink(move |x: i64| {
        log.lock().unwrap().push((begun.elapsed().as_millis(), x));
    });
    for x in 0..3 {
        source.emit(x).await.unwrap();
        sleep(MS(10)).await;
    }
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(100, 0), (110, 1), (120, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_slows_the_source_down() {
    let source = Source::new();
    source.stream().rate_limit(MS(100)).sink(|_: i64| {});
    let begun = Instant::now();
    for x in 0..4 {
        source.emit(x).await.unwrap();
    }
    assert_eq!(begun.elapsed().as_millis(), 300);
    source.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_makes_the_next_emit_wait() {
    let source = Source::new();
    // One is being passed on, three wait.
    source.stream().buffer(3).rate_limit(MS(1000)).sink(|_: i64| {});
    source.emit(0).await.unwrap();
    sleep(MS(1)).await;
    source.emit(1).await.unwrap();
    sleep(MS(1)).await;
    let begun = Instant::now();
    for x in 2..5 {
        source.emit(x).await.unwrap();
    }
    assert_eq!(begun.elapsed().as_millis(), 0);
    source.emit(5).await.unwrap();
    assert!(begun.elapsed() > MS(900), "it did not wait outside");
    source.close().await.unwrap();
    assert_eq!(source.progress().counts().delivered, 6);
}

#[tokio::test(start_paused = true)]
async fn a_slow_branch_delays_the_fast_one_only_once_its_buffer_is_full() {
    let source = Source::new();
    let (fast, log) = list();
    source.stream().buffer(10).rate_limit(MS(1000)).sink(|_: i64| {});
    source.stream().sink(move |x: i64| log.lock().unwrap().push(x));
    let begun = Instant::now();
    for x in 0..10 {
        source.emit(x).await.unwrap();
    }
    assert_eq!((fast.lock().unwrap().len(), begun.elapsed().as_millis()), (10, 0));
    source.close().await.unwrap();
    assert_eq!(source.progress().counts().delivered, 20);
}

#[tokio::test(start_paused = true)]
async fn latest_drops_elements_while_downstream_is_busy() {
    let source = Source::new();
    let (seen, log) = list();
    source.stream().latest().rate_limit(MS(100)).sink(move |x: i64| log.lock().unwrap().push(x));
    for x in 0..50 {
        source.emit(x).await.unwrap();
        sleep(MS(10)).await;
    }
    source.close().await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0], seen.last()), (0, Some(&49)));
    assert!(seen.is_sorted() && (5..9).contains(&seen.len()), "{seen:?}");
}

#[tokio::test]
async fn a_failure_after_a_buffer_reaches_the_emitter_and_nothing_hangs() {
    type Values = Stream<Json<Value>>;
    let nodes: [fn(Values) -> Values; 3] = [|x| x.buffer(2), |x| x.latest(), |x| x.delay(MS(1))];
    for detach in nodes {
        let source = Source::new();
        detach(source.stream()).pluck("a").sink(|_: Json<Value>| {});
        source.emit(Json(json!({}))).await.unwrap();
        let error = source.failure().await;
        assert!(matches!(&error, Error::Fault(fault) if fault.record == 1), "{error}");
        // One of the next emits returns the error, and close returns it again.
        while source.emit(Json(json!({"a": 1}))).await.is_ok() {}
        let Err(Error::Fault(fault)) = source.close().await else { panic!("no fault") };
        assert!(matches!(fault.cause, Cause::Failed { .. }));
    }
}
