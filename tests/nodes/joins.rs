//! Nodes that join streams, and joins that deadlock.

use std::sync::Arc;

use engine::error::GraphError;
use engine::operators::Side;
use engine::{Error, Source, Stream};

use super::support::{MS, given, n};
use crate::support::{list, ran};

/// Two sources, and the output of joining them.
async fn joined<A, B, U>(
    join: impl FnOnce(Stream<A>, Stream<B>) -> Stream<U>,
    emit: impl AsyncFnOnce(Arc<Source<A>>, Arc<Source<B>>),
) -> Vec<U>
where
    A: Clone + Send + 'static,
    B: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    let (first, second) = (Arc::new(Source::new()), Arc::new(Source::new()));
    let (seen, log) = list();
    join(first.stream(), second.stream()).sink(move |x: U| log.lock().unwrap().push(x));
    emit(first.clone(), second.clone()).await;
    first.close().await.unwrap();
    second.close().await.unwrap();
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test]
async fn zip_runs_in_lockstep_and_the_faster_side_waits() {
    let pairs = joined(Stream::zip, async |numbers, letters| {
        let ahead = tokio::spawn(async move {
            for x in 0..15 {
                numbers.emit(x).await.unwrap();
            }
        });
        // Ten numbers are there without any partner; the others come with these.
        for _ in 0..8 {
            letters.emit('x').await.unwrap();
        }
        ahead.await.unwrap();
    });
    let pairs = pairs.await;
    assert_eq!(pairs.iter().map(|(x, _): &(i64, char)| *x).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_side_ten_ahead_waits_until_the_other_moves_or_ends() {
    let (first, second) = (Source::<i64>::new(), Source::<i64>::new());
    let (seen, log) = list();
    first.stream().zip(second.stream()).sink(move |pair: (i64, i64)| log.lock().unwrap().push(pair));
    for x in 0..10 {
        first.emit(x).await.unwrap();
    }
    let mut eleventh = Box::pin(first.emit(10));
    assert!(polled(&mut eleventh).await.is_none(), "it was not held back");
    second.emit(0).await.unwrap();
    eleventh.await.unwrap();
    let mut twelfth = Box::pin(first.emit(11));
    assert!(polled(&mut twelfth).await.is_none());
    second.close().await.unwrap();
    twelfth.await.unwrap();
    for x in 12..1000 {
        first.emit(x).await.unwrap();
    }
    first.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(0, 0)]);
}

/// What a future gives if it is ready.
async fn polled<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn combine_latest_waits_for_both_and_may_emit_on_one_side() {
    let emit = async |a: Arc<Source<i64>>, b: Arc<Source<char>>| {
        a.emit(1).await.unwrap();
        a.emit(2).await.unwrap();
        b.emit('x').await.unwrap();
        b.emit('y').await.unwrap();
        a.emit(3).await.unwrap();
    };
    assert_eq!(joined(Stream::combine_latest, emit).await, [(2, 'x'), (2, 'y'), (3, 'y')]);
    let on_first = joined(|a, b| a.combine_latest_on(b, Side::First), emit).await;
    assert_eq!(on_first, [(3, 'y')]);
}

#[tokio::test]
async fn zip_latest_emits_every_element_of_the_first() {
    let pairs = joined(Stream::zip_latest, async |a, b| {
        a.emit(1).await.unwrap();
        a.emit(2).await.unwrap();
        b.emit('x').await.unwrap();
        b.emit('y').await.unwrap();
        a.emit(3).await.unwrap();
    });
    assert_eq!(pairs.await, [(1, 'x'), (2, 'x'), (3, 'y')]);
}

#[tokio::test]
async fn union_emits_elements_as_they_arrive() {
    let all = joined(Stream::union, async |a, b| {
        a.emit(1).await.unwrap();
        b.emit(2).await.unwrap();
        a.emit(3).await.unwrap();
    });
    assert_eq!(all.await, [1, 2, 3]);
}

#[tokio::test]
async fn branches_of_one_source_join_in_order() {
    let joined = given(0..3, |x| {
        let (doubled, negated) = (x.branch().map(|x: i64| 2 * x), x.map(|x: i64| -x));
        doubled.union(negated)
    });
    assert_eq!(joined.await, [0, 0, 2, -1, 4, -2]);
}

#[tokio::test(start_paused = true)]
async fn deadlocked_branches_fail_and_do_not_hang() {
    let far = |numbers: Stream<i64>| numbers.branch().zip(numbers.slice(20..));
    let (outputs, ended) = ran(0..100, far).await;
    assert!(
        outputs.is_empty() && matches!(ended, Err(Error::Graph(GraphError::Deadlock { .. }))),
        "{outputs:?} {ended:?}"
    );
    // Nor with a buffer that is too small; and slow is not deadlocked.
    let small = |numbers: Stream<i64>| numbers.branch().buffer(5).zip(numbers.slice(20..));
    let (outputs, ended) = ran(0..100, small).await;
    assert!(
        outputs.is_empty() && matches!(ended, Err(Error::Graph(GraphError::Deadlock { .. }))),
        "{outputs:?} {ended:?}"
    );
    let slow = |numbers: Stream<i64>| numbers.branch().buffer(5).zip(numbers.slice(20..).buffer(1));
    let (outputs, ended) = ran(0..100, slow).await;
    assert!(
        outputs.is_empty() && matches!(ended, Err(Error::Graph(GraphError::Deadlock { .. }))),
        "{outputs:?} {ended:?}"
    );
    // Nor with a timer that never stops, a flush, a second source, or at the end.
    let timed = |numbers: Stream<i64>| {
        numbers.branch().timed_window(MS(60_000)).sink(|_: Vec<i64>| {});
        numbers.branch().zip(numbers.slice(20..))
    };
    let within = |numbers: Stream<i64>| {
        let groups = numbers.branch().partition_within(n(3), MS(1000)).flatten();
        groups.zip(numbers.slice(100..))
    };
    let flushed = |numbers: Stream<i64>| {
        let ends = numbers.branch().partition(n(50));
        let held = numbers.branch().collect_on(&ends, n(1000)).flatten();
        held.zip(numbers.slice(100..))
    };
    let late = |numbers: Stream<i64>| {
        let all = numbers.collect(n(1000)).0.flatten();
        all.branch().zip(all.partition(n(50)).flatten())
    };
    let other = Source::new();
    let joined = |numbers: Stream<i64>| {
        let pairs = numbers.branch().zip(numbers.slice(20..)).map(|(a, _): (i64, i64)| a);
        pairs.union(other.stream()).map(|x: i64| (x, x))
    };
    for (name, ended) in [
        ("timed", ran(0..100, timed).await.1),
        ("within", ran(0..100, within).await.1),
        ("flushed", ran(0..100, flushed).await.1),
        ("late", ran(0..100, late).await.1),
        ("joined", ran(0..100, joined).await.1),
    ] {
        assert!(matches!(ended, Err(Error::Graph(GraphError::Deadlock { .. }))), "{name}: {ended:?}");
    }
    let late = |numbers: Stream<i64>| numbers.branch().buffer(5).zip(numbers.delay(MS(60_000)));
    assert_eq!(given(0..100, late).await.len(), 100);
    // With a buffer that is large enough they are not.
    let buffered = |numbers: Stream<i64>| numbers.branch().buffer(20).zip(numbers.slice(20..));
    let pairs = given(0..100, buffered).await;
    assert_eq!((pairs.len(), pairs[0], pairs[79]), (80, (0, 20), (79, 99)));
}
