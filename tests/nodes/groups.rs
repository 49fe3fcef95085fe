//! Nodes that put elements into groups and windows.

use engine::Source;
use engine::operators::Keep;
use tokio::time::{Instant, sleep};

use super::support::{MS, given, n};
use crate::support::list;

#[tokio::test]
async fn partition_groups_by_key_and_flushes_the_rest_at_the_end() {
    assert_eq!(given(0..5, |x| x.partition(n(2))).await, [vec![0, 1], vec![2, 3], vec![4]]);
    let groups = given(0..10, |x| x.partition_by(n(2), |x: &i64| x % 2)).await;
    assert_eq!(groups, [vec![0, 2], vec![1, 3], vec![4, 6], vec![5, 7], vec![8], vec![9]]);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_flushes_a_short_group_and_a_full_one_resets_it() {
    let source = Source::new();
    let (seen, log) = list();
    let begun = Instant::now();
    source.stream().partition_within(n(2), MS(100)).sink(move |group: Vec<i64>| {
        log.lock().unwrap().push((begun.elapsed().as_millis(), group));
    });
    source.emit(1).await.unwrap();
    sleep(MS(150)).await;
    source.emit(2).await.unwrap();
    sleep(MS(50)).await;
    source.emit(3).await.unwrap();
    sleep(MS(40)).await;
    source.emit(4).await.unwrap();
    sleep(MS(90)).await;
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(100, vec![1]), (200, vec![2, 3]), (330, vec![4])]);
}

#[tokio::test]
async fn partition_unique_keeps_the_first_or_the_last() {
    let elements = [1, 2, 1, 3, 1, 3, 3, 2];
    let first = given(elements, |x| x.partition_unique(n(3), |x: &i64| *x, Keep::First)).await;
    assert_eq!(first, [[1, 2, 3], [1, 3, 2]]);
    let last = given(elements, |x| x.partition_unique(n(3), |x: &i64| *x, Keep::Last)).await;
    assert_eq!(last, [[2, 1, 3], [1, 3, 2]]);
}

#[tokio::test]
async fn sliding_windows_overlap() {
    assert_eq!(given(0..4, |x| x.sliding_window(n(2))).await, [[0, 1], [1, 2], [2, 3]]);
    let partial = given(0..3, |x| x.sliding_window_partial(n(2))).await;
    assert_eq!(partial, [vec![0], vec![0, 1], vec![1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn a_timed_window_holds_its_elements_and_may_be_empty() {
    let source = Source::new();
    let (seen, log) = list();
    source.stream().timed_window(MS(100)).sink(move |window: Vec<i64>| log.lock().unwrap().push(window));
    source.emit(1).await.unwrap();
    source.emit(2).await.unwrap();
    sleep(MS(210)).await;
    source.emit(3).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec![1, 2], vec![], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn a_timed_window_may_drop_duplicate_keys() {
    let source = Source::new();
    let (seen, log) = list();
    let windows = source.stream().timed_window_unique(MS(100), |x: &i64| x % 2, Keep::Last);
    windows.sink(move |window: Vec<i64>| log.lock().unwrap().push(window));
    for x in [1, 2, 3] {
        source.emit(x).await.unwrap();
    }
    sleep(MS(150)).await;
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [[2, 3]]);
}

#[tokio::test]
async fn collect_emits_one_list_per_flush_even_if_empty() {
    let source = Source::new();
    let (seen, log) = list();
    let (collected, flush) = source.stream().collect(n(100));
    collected.sink(move |all: Vec<i64>| log.lock().unwrap().push(all));
    source.emit(1).await.unwrap();
    source.emit(2).await.unwrap();
    flush.flush().await.unwrap();
    flush.flush().await.unwrap();
    source.emit(3).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec![1, 2], vec![], vec![3]]);
}
