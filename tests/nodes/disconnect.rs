//! Branches that are disconnected while others continue.

use std::sync::Arc;

use engine::Source;
use engine::sinks::{self, Consumer, Refusal};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::support::{MS, n};
use crate::support::list;

#[tokio::test(start_paused = true)]
async fn a_disconnected_branch_flushes_and_the_others_continue() {
    let source = Source::new();
    let ((all, every), (some, groups)) = (list(), list());
    source.stream().sink(move |x: i64| every.lock().unwrap().push(x));
    let (branch, connection) = source.stream().buffer(10).disconnectable();
    branch.partition(n(3)).sink(move |group: Vec<i64>| groups.lock().unwrap().push(group));
    for x in 1..=4 {
        source.emit(x).await.unwrap();
    }
    // Elements in the buffer have not reached it yet.
    sleep(MS(1)).await;
    connection.disconnect().await.unwrap();
    assert_eq!(*some.lock().unwrap(), [vec![1, 2, 3], vec![4]]);
    source.emit(5).await.unwrap();
    connection.disconnect().await.unwrap();
    source.close().await.unwrap();
    assert_eq!((&*all.lock().unwrap(), some.lock().unwrap().len()), (&vec![1, 2, 3, 4, 5], 2));
}

#[tokio::test]
async fn a_branch_with_a_stuck_sink_can_be_disconnected() {
    let source = Arc::new(Source::new());
    let (all, list) = list();
    let (branch, connection) = source.stream().disconnectable();
    let (held, enough) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    branch.sink(sinks::consumer(Stuck { held: held.clone(), enough: enough.clone() }));
    source.stream().sink(move |x: i32| list.lock().unwrap().push(x));
    let emitting = tokio::spawn({
        let source = source.clone();
        async move { source.emit(1).await }
    });
    held.notified().await;
    tokio::select! {
        biased;
        ended = connection.disconnect() => panic!("{ended:?}"),
        () = std::future::ready(()) => {}
    }
    emitting.await.unwrap().unwrap();
    source.emit(2).await.unwrap();
    assert_eq!(*all.lock().unwrap(), [1, 2]);
    source.close().await.unwrap();
    // The nodes after it do not end before they have got its elements.
    enough.notify_one();
    connection.disconnect().await.unwrap();
}

/// A consumer that reports an element's arrival, and takes it when allowed.
struct Stuck {
    held: Arc<Notify>,
    enough: Arc<Notify>,
}

impl Consumer<i32> for Stuck {
    async fn take(&mut self, _: i32) -> Result<(), Refusal> {
        self.held.notify_one();
        self.enough.notified().await;
        Ok(())
    }
}
