//! The order of results, and the numbers of records.

use std::num::NonZeroUsize;

use engine::{Error, Json, Source};

use super::support::pool;
use crate::support::{list, misbehaving, only, ran};

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
async fn unordered_records_are_done_once_all_outputs_are_out() {
    let pool = pool(2);
    let sleeps = misbehaving::<u64, u64>(&pool, "sleeps");
    let source = Source::new();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    source.progress().on_done(move |done| sender.send(done.last).unwrap());
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
