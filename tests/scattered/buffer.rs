//! How many records are unfinished at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use engine::{Json, Source, sources};

use super::support::pool;
use crate::support::{list, misbehaving, only, ran};

/// Counts at the source and at the sink, from outside: never more than the buffer are between
/// them, and as many as it allows when the source is faster.
async fn unfinished(buffer: Option<usize>) -> u64 {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::new();
    let ended = Arc::new(AtomicU64::new(0));
    let (count, mut most) = (ended.clone(), 0);
    let scattered = source.stream().scatter(&pool).map(&sleeps);
    let scattered = if let Some(n) = buffer { scattered.buffer(n) } else { scattered };
    scattered.gather().sink(move |_: u64| {
        count.fetch_add(1, SeqCst);
    });
    for begun in 1..=40 {
        source.emit(40).await.unwrap();
        most = most.max(begun - ended.load(SeqCst));
        assert!(source.progress().counts().unfinished <= buffer.unwrap_or(1) as u64);
    }
    source.close().await.unwrap();
    assert_eq!(ended.load(SeqCst), 40);
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_the_buffer_is_exact() {
    assert_eq!(unfinished(Some(7)).await, 7);
    assert_eq!(unfinished(Some(1)).await, 1);
    assert_eq!(unfinished(None).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buffer_is_exact_for_lines() {
    let pool = pool(2);
    let inc = only::<i64, i64>(&pool, "inc");
    let source = Source::<i64>::new();
    let counts = Arc::new(source);
    let (most, watched) = (Arc::new(AtomicU64::new(0)), counts.clone());
    let most_seen = most.clone();
    counts.stream().scatter(&pool).map(&inc).buffer(100).gather().sink(move |_: i64| {
        most_seen.fetch_max(watched.progress().counts().unfinished, SeqCst);
    });
    let text: String = (0..100_000).map(|x| format!("{x}\n")).collect();
    sources::lines(std::io::Cursor::new(text)).emit_into(&counts).await.unwrap();
    counts.close().await.unwrap();
    assert_eq!(counts.progress().counts().delivered, 100_000);
    assert_eq!(most.load(SeqCst), 100);
}

#[tokio::test]
async fn each_buffer_bounds_the_nodes_before_it() {
    let pool = pool(2);
    let (sleeps, inc) = (misbehaving::<u64, u64>(&pool, "sleeps"), misbehaving::<u64, u64>(&pool, "sleeps"));
    let two =
        |times: engine::Stream<u64>| times.scatter(&pool).map(&sleeps).buffer(2).map(&inc).buffer(3).gather();
    let (outputs, ended) = ran([1, 5, 3, 4, 2], two).await;
    ended.unwrap();
    assert_eq!(outputs, [1, 5, 3, 4, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_slow_sink_slows_the_source_down() {
    let pool = pool(2);
    let inc = only::<i64, i64>(&pool, "inc");
    let source = Source::new();
    let (open, gate) = std::sync::mpsc::channel();
    let gate = std::sync::Mutex::new(gate);
    source.stream().scatter(&pool).map(&inc).buffer(4).gather().sink(move |_: i64| {
        tokio::task::block_in_place(|| gate.lock().unwrap().recv().unwrap());
    });
    for i in 0..4 {
        source.emit(i).await.unwrap();
    }
    let fifth = tokio::time::timeout(Duration::from_millis(200), source.emit(4)).await;
    assert!(fifth.is_err(), "four are unfinished: the first is in the sink");
    (0..5).for_each(|_| open.send(()).unwrap());
    source.emit(5).await.unwrap();
    source.close().await.unwrap();
}

#[tokio::test]
async fn dropped_records_free_their_slot() {
    let pool = pool(2);
    let even = misbehaving::<Vec<u8>, Vec<u8>>(&pool, "even");
    let sleeps = misbehaving::<Vec<u8>, Vec<u8>>(&pool, "sleeps");
    // One that sleeps long, then many that are dropped: with a buffer of 2 they all pass it.
    let inputs =
        std::iter::once(4000).chain((0..400).map(|x| 2 * x + 1)).map(|x: u64| x.to_string().into_bytes());
    let source = Source::new();
    let (outputs, list) = list();
    source.stream().scatter(&pool).filter(&even).map(&sleeps).buffer(2).gather().sink(move |x: Vec<u8>| {
        list.lock().unwrap().push(x);
    });
    let begun = Instant::now();
    for input in inputs {
        source.emit(input).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_millis(3500), "emits waited for the one that sleeps");
    source.close().await.unwrap();
    assert_eq!(*outputs.lock().unwrap(), [b"4000"]);
}

#[tokio::test]
async fn a_buffer_after_a_holding_node_also_covers_functions_before_it() {
    let pool = pool(1);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let ten = NonZeroUsize::new(10).unwrap();
    let begun = Instant::now();
    let groups =
        |times: engine::Stream<u64>| times.scatter(&pool).map(&sleeps).partition(ten).buffer(8).gather();
    let (outputs, ended) = ran([2000; 16], groups).await;
    ended.unwrap();
    assert_eq!(outputs.iter().map(|Json(group)| group.len()).collect::<Vec<_>>(), [10, 6]);
    // One after another they would take 32 s; eight at a time, four.
    assert!(begun.elapsed() < Duration::from_secs(16), "{:?}", begun.elapsed());
}
