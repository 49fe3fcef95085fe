//! Scattered streams: concurrent, in order, and bounded by the buffer.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use engine::error::{FunctionError, GraphError};
use engine::{Error, Json, Pool, Source, sources};

use crate::support::{list, misbehaving, only, plugin, ran};

fn pool(workers: usize) -> Pool {
    Pool::builder().threads(workers).build().unwrap()
}

#[tokio::test]
async fn results_keep_the_order_of_emission() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    // The longest first: they end in the opposite order.
    let inputs: Vec<u64> = (0..20).map(|x| (20 - x) * 5).collect();
    let expected = inputs.clone();
    let (outputs, ended) = ran(inputs, |times| times.scatter(&pool).map(&sleeps).buffer(20).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, expected);
}

#[tokio::test]
async fn unordered_results_come_in_completion_order() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let scattered =
        |times: engine::Stream<u64>| times.scatter(&pool).map(&sleeps).buffer(3).gather_unordered();
    let (outputs, ended) = ran([2000, 1000, 1], scattered).await;
    ended.unwrap();
    assert_eq!(outputs, [1, 1000, 2000]);
}

#[tokio::test]
async fn row_12_waiting_guests_free_their_thread() {
    let pool = pool(1);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let begun = Instant::now();
    let (outputs, ended) =
        ran([2000; 200], |times| times.scatter(&pool).map(&sleeps).buffer(200).gather()).await;
    ended.unwrap();
    assert_eq!(outputs.len(), 200);
    // One after another they would take 400 s.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(pool.usage().instances > 100);
}

#[tokio::test]
async fn row_12_at_the_instance_limit_records_wait_and_none_fails() {
    let pool = Pool::builder().threads(2).instances(3).build().unwrap();
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let (outputs, ended) = ran([10; 50], |times| times.scatter(&pool).map(&sleeps).buffer(50).gather()).await;
    ended.unwrap();
    assert_eq!(outputs.len(), 50);
    assert!(pool.usage().instances <= 3);
}

#[tokio::test]
async fn one_instance_is_enough_for_a_chain_and_its_sink() {
    let pool = Pool::builder().threads(2).instances(1).build().unwrap();
    let (inc, sleeps) = (only::<i64, i64>(&pool, "inc"), misbehaving::<Vec<u8>, Vec<u8>>(&pool, "sleeps"));
    let print = pool.blocking_load(plugin("print")).unwrap().function::<Vec<u8>, ()>("print").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let print = print.stdout(&engine::plugin::Output::new(file.reopen().unwrap()));
    let source = Source::<i64>::new();
    let bytes =
        source.stream().scatter(&pool).map(&inc).buffer(5).gather().map(|x: i64| x.to_string().into_bytes());
    bytes.scatter(&pool).map(&sleeps).buffer(5).gather().sink(&print);
    for x in 0..20 {
        source.emit(x).await.unwrap();
    }
    source.close().await.unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap().lines().count(), 20);
}

#[tokio::test]
async fn a_cancelled_emit_takes_no_slot() {
    let pool = pool(1);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::new();
    source.stream().scatter(&pool).map(&sleeps).buffer(1).gather().sink(|_: u64| {});
    source.emit(300).await.unwrap();
    for _ in 0..10 {
        let given_up = tokio::time::timeout(Duration::from_millis(1), source.emit(0)).await;
        assert!(given_up.is_err(), "the buffer is full");
    }
    source.emit(0).await.unwrap();
    source.close().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_close_can_be_repeated() {
    let pool = pool(1);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::new();
    let (outputs, list) = list();
    source
        .stream()
        .scatter(&pool)
        .map(&sleeps)
        .buffer(1)
        .gather()
        .sink(move |x: u64| list.lock().unwrap().push(x));
    source.emit(1000).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), source.close()).await.is_err());
    source.close().await.unwrap();
    assert_eq!(*outputs.lock().unwrap(), [1000]);
}

#[tokio::test]
async fn many_results_may_wait_for_one_that_is_dropped() {
    let pool = pool(2);
    let [sleeps, splits, drops] =
        ["sleeps_first", "splits", "drops"].map(|name| misbehaving::<String, String>(&pool, name));
    let source = Source::<String>::new();
    let scattered = source.stream().scatter(&pool).map(&sleeps).flat_map(&splits).filter(&drops);
    scattered.buffer(10_000).gather().sink(|_: String| {});
    // 12 MB of results wait for the first, whose words are dropped except one.
    let first = "800".to_owned() + &" drop".repeat(40) + "\n";
    let text = first + &("x".repeat(100_000) + "\n").repeat(120);
    let run = async {
        sources::lines(std::io::Cursor::new(text)).emit_into(&source).await?;
        source.close().await
    };
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("it does not hang").unwrap();
    assert_eq!(source.counts().delivered, 121);
}

#[tokio::test]
async fn unordered_records_are_done_once_all_outputs_are_out() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::new();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    source.on_done(move |done| sender.send(done.last).unwrap());
    let (slept, outputs) = list();
    let unordered = source.stream().scatter(&pool).map(&sleeps).buffer(3).gather_unordered();
    unordered.sink(move |x: u64| outputs.lock().unwrap().push(x));
    for time in [500, 1, 1] {
        source.emit(time).await.unwrap();
    }
    assert_eq!(told.recv().await, Some(3));
    assert_eq!(slept.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn after_an_unordered_gather_a_fault_stops_later_records() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let fails = misbehaving::<String, String>(&pool, "fails");
    let (outputs, list) = list();
    let source = Source::new();
    let unordered = source.stream().scatter(&pool).map(&sleeps).buffer(3).gather_unordered();
    let words = unordered.map(|x: u64| if x == 200 { "bad".to_owned() } else { x.to_string() });
    words.scatter(&pool).map(&fails).buffer(3).gather().sink(move |x: String| list.lock().unwrap().push(x));
    for x in [400, 200, 1] {
        source.emit(x).await.unwrap();
    }
    // The third comes first, and the second fails before the first is there.
    let ended = source.close().await;
    assert!(matches!(&ended, Err(Error::Fault(fault)) if fault.record == 2), "{ended:?}");
    assert_eq!(*outputs.lock().unwrap(), ["1"]);
}

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
        assert!(source.counts().unfinished <= buffer.unwrap_or(1) as u64);
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
        most_seen.fetch_max(watched.counts().unfinished, SeqCst);
    });
    let text: String = (0..100_000).map(|x| format!("{x}\n")).collect();
    sources::lines(std::io::Cursor::new(text)).emit_into(&counts).await.unwrap();
    counts.close().await.unwrap();
    assert_eq!(counts.counts().delivered, 100_000);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_block_until_its_output_arrives() {
    let pool = pool(2);
    let inc = only::<i64, i64>(&pool, "inc");
    let source = Source::new();
    let (sender, results) = std::sync::mpsc::channel();
    source.stream().scatter(&pool).map(&inc).buffer(4).gather().sink(move |x: i64| {
        let _ = sender.send(x);
    });
    let task = tokio::spawn(async move {
        for i in 0..200 {
            source.emit(i).await.unwrap();
            let result = results.recv_timeout(Duration::from_secs(10));
            assert_eq!(result, Ok(i + 1), "no other thread delivers what this thread waits for");
        }
        source.close().await
    });
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_endless_emitter_does_not_starve_others() {
    let source = Source::new();
    source.stream().map(|x: i64| x + 1).sink(|_: i64| {});
    let endless = async { while source.emit(1).await.is_ok() {} };
    assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
}

#[tokio::test]
async fn a_panicking_sink_does_not_hang_the_run() {
    let pool = pool(2);
    let inc = only::<i64, i64>(&pool, "inc");
    let source = Source::new();
    source.stream().scatter(&pool).map(&inc).buffer(4).gather().sink(|_: i64| panic!("a bug of the user"));
    let ended = tokio::spawn(async move {
        while source.emit(1).await.is_ok() {}
        source.close().await
    });
    assert!(ended.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn chains_filters_and_flat_maps_keep_record_numbers() {
    let pool = pool(2);
    let plugin = pool.blocking_load(crate::support::hostile("misdeeds")).unwrap();
    let even = plugin.function::<i64, i64>("even").unwrap();
    let twice = plugin.function::<i64, i64>("twice").unwrap();
    let divides = plugin.function::<i64, i64>("divides").unwrap();
    // `divides` fails for 0, the seventh record, which is even and comes twice.
    let inputs = [1, 2, 3, 4, 5, 6, 0, 8];
    let chain = |numbers: engine::Stream<i64>| {
        numbers.scatter(&pool).filter(&even).flat_map(&twice).map(&divides).buffer(8).gather()
    };
    let (outputs, ended) = ran(inputs, chain).await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, &*fault.function), (7, "divides"));
    assert_eq!(outputs.len(), 6, "2, 4 and 6 come twice: {outputs:?}");
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
async fn the_first_emit_rejects_a_function_of_another_kind() {
    let pool = pool(1);
    let even = pool
        .blocking_load(crate::support::hostile("misdeeds"))
        .unwrap()
        .function::<i64, i64>("even")
        .unwrap();
    let (_, ended) = ran([1], |numbers| numbers.scatter(&pool).map(&even).gather()).await;
    assert_eq!(ended.unwrap_err().to_string(), "even is a filter function and can't be used as a map");
}

#[tokio::test]
async fn the_first_emit_rejects_a_function_of_another_pool() {
    let inc = only::<i64, i64>(&pool(1), "inc");
    let (_, ended) = ran([1], |numbers| numbers.scatter(&pool(1)).map(&inc).gather()).await;
    assert!(matches!(ended, Err(Error::Graph(GraphError::OtherPool { .. }))), "{ended:?}");
}

#[tokio::test]
async fn row_10b_cheap_records_do_not_delay_slow_ones() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::<u64>::new();
    let (outputs, list) = list();
    source.stream().scatter(&pool).map(&sleeps).buffer(100_000).gather().sink(move |x: u64| {
        list.lock().unwrap().push(x);
    });
    let text = "0\n".repeat(1_000_000) + &"1000\n".repeat(10);
    let begun = Instant::now();
    sources::lines(std::io::Cursor::new(text)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(outputs.lock().unwrap().len(), 1_000_010);
    // One after another the slow ones would take 10 s.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn gather_without_scatter_is_an_error() {
    let pool = pool(1);
    let (outputs, ended) =
        ran([1, 2, 3], |numbers: engine::Stream<i64>| numbers.scatter(&pool).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, [1, 2, 3]);
}

#[tokio::test]
async fn arguments_are_checked_before_the_first_record() {
    let pool = pool(1);
    let words = pool.blocking_load(plugin("words")).unwrap();
    let long = words.function::<String, String>("long").unwrap();
    assert!(matches!(
        long.with("leters", 3),
        Err(Error::Function(FunctionError::UnknownArgument { nearest: Some(_), .. }))
    ));
    let refused = long.with("letters", "many").unwrap().blocking_prepare();
    assert!(matches!(refused, Err(Error::Function(FunctionError::Refused { .. }))), "{refused:?}");
}

#[tokio::test]
async fn ordered_nodes_in_a_scattered_segment_see_records_in_order() {
    let pool = pool(2);
    let (sleeps, inc) = (misbehaving::<u64, u64>(&pool, "sleeps"), only::<i64, i64>(&pool, "inc"));
    let two = NonZeroUsize::new(2).unwrap();
    // The longest first: they end in the opposite order.
    let times = [40, 30, 20, 10, 0_u64];
    let pairs =
        |times: engine::Stream<u64>| times.scatter(&pool).map(&sleeps).partition(two).buffer(8).gather();
    let (outputs, ended) = ran(times, pairs).await;
    ended.unwrap();
    assert_eq!(outputs, [Json(vec![40, 30]), Json(vec![20, 10]), Json(vec![0])]);
    let windows = |numbers: engine::Stream<i64>| {
        numbers.scatter(&pool).map(&inc).sliding_window(two).buffer(8).gather()
    };
    assert_eq!(ran([1, 2, 3], windows).await.0, [Json(vec![2, 3]), Json(vec![3, 4])]);
    let product = misbehaving::<i64, i64>(&pool, "product");
    let products = |numbers: engine::Stream<i64>| {
        numbers.scatter(&pool).map(&inc).accumulate(&product).map(&inc).buffer(8).gather()
    };
    assert_eq!(ran([1, 2, 3], products).await.0, [3, 7, 25]);
    let flat = |numbers: engine::Stream<i64>| {
        numbers.scatter(&pool).map(&inc).partition(two).flatten().buffer(8).gather()
    };
    assert_eq!(ran([1, 2, 3], flat).await.0, [2, 3, 4]);
    let both = |numbers: engine::Stream<i64>| {
        let one = numbers.branch().scatter(&pool).map(&inc);
        one.zip(numbers.scatter(&pool)).buffer(8).gather()
    };
    assert_eq!(ran([1, 2], both).await.0, [Json((2, 1)), Json((3, 2))]);
    let union = |numbers: engine::Stream<i64>| {
        let one = numbers.branch().scatter(&pool).map(&inc);
        one.union(numbers.scatter(&pool)).buffer(8).gather()
    };
    let (mut outputs, ended) = ran([1, 10], union).await;
    ended.unwrap();
    outputs.sort_unstable();
    assert_eq!(outputs, [1, 2, 10, 11]);
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
