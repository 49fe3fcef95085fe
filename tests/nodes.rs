//! What each node does, on tokio's paused clock.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use engine::error::GraphError;
use engine::operators::{Keep, Operator, Outputs, Side};
use engine::sinks::{self, Consumer, Refusal};
use engine::{Cause, Error, FaultPolicy, Json, Source, Stream};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::support::{list, ran};

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// The outputs for these elements. The run must succeed.
async fn given<T, U>(
    elements: impl IntoIterator<Item = T>,
    build: impl FnOnce(Stream<T>) -> Stream<U>,
) -> Vec<U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    let (outputs, ended) = ran(elements, build).await;
    ended.unwrap();
    outputs
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[tokio::test]
async fn starmap_takes_the_items_as_arguments() {
    let sums = given([(1, 2), (3, 4)], |pairs| pairs.starmap(|a: i64, b: i64| a + b)).await;
    assert_eq!(sums, [3, 7]);
}

#[tokio::test]
async fn remove_drops_elements_that_filter_keeps() {
    assert_eq!(given(0..6, |numbers| numbers.remove(|x: &i64| x % 2 == 0)).await, [1, 3, 5]);
}

#[tokio::test]
async fn filter_without_a_function_drops_falsy_elements() {
    let values = json!([0, 1, "", "a", null, false, true, [], [0], {}, {"a": 0}, 0.0]);
    let values: Vec<_> = values.as_array().unwrap().iter().cloned().map(Json).collect();
    let kept = given(values, Stream::truthy).await;
    let kept: Vec<Value> = kept.into_iter().map(|Json(value)| value).collect();
    assert_eq!(Value::from(kept), json!([1, "a", true, [0], {"a": 0}]));
}

#[tokio::test]
async fn flatten_emits_items_and_nothing_for_an_empty_list() {
    assert_eq!(given([vec![1, 2], vec![], vec![3]], Stream::flatten).await, [1, 2, 3]);
}

#[tokio::test]
async fn accumulate_starts_with_the_first_element() {
    assert_eq!(given([1, 2, 3], |numbers| numbers.accumulate(|sum: i64, x: i64| sum + x)).await, [1, 3, 6]);
}

#[tokio::test]
async fn scan_keeps_a_state_per_key() {
    let results = given([1, 2, 3], |numbers| {
        numbers.scan(10, |sum, x: i64| {
            *sum += x;
            (*sum, x)
        })
    });
    assert_eq!(results.await, [(11, 1), (13, 2), (16, 3)]);
    let by_key = given(0..6, |numbers| {
        numbers.scan_by(
            |x: &i64| x % 2,
            0,
            |sum, x: i64| {
                *sum += x;
                *sum
            },
        )
    });
    assert_eq!(by_key.await, [0, 1, 2, 4, 6, 9]);
}

#[tokio::test]
async fn slice_selects_by_position() {
    assert_eq!(given(0..10, |numbers| numbers.slice(2..5)).await, [2, 3, 4]);
    assert_eq!(given(0..10, |numbers| numbers.slice(..=1)).await, [0, 1]);
    let three = NonZeroU64::new(3).unwrap();
    assert_eq!(given(0..10, |numbers| numbers.slice_by(1.., three)).await, [1, 4, 7]);
}

#[tokio::test(start_paused = true)]
async fn sample_passes_the_first_of_every_n_and_of_each_interval() {
    let three = NonZeroU64::new(3).unwrap();
    assert_eq!(given(0..8, |numbers| numbers.sample(three)).await, [0, 3, 6]);
    assert_eq!(given(0..3, |numbers| numbers.sample(NonZeroU64::MIN)).await, [0, 1, 2]);
    let each = Duration::from_secs(10);
    let some = given(0..9, |numbers| numbers.rate_limit(Duration::from_secs(4)).sample_every(each));
    assert_eq!(some.await, [0, 3, 6]);
}

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
    assert_eq!(source.counts().delivered, 6);
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
    assert_eq!(source.counts().delivered, 20);
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

#[tokio::test]
async fn unique_forgets_the_oldest_elements() {
    assert_eq!(given([1, 2, 1, 3, 2, 1], |x| x.unique(n(10))).await, [1, 2, 3]);
    // 1 is seen again, so 2 is the one to be forgotten.
    assert_eq!(given([1, 2, 1, 3, 1, 2], |x| x.unique(n(2))).await, [1, 2, 3, 2]);
    assert_eq!(given([1, 11, 2], |x| x.unique_by(n(10), |x: &i64| x % 10)).await, [1, 2]);
}

#[tokio::test]
async fn pluck_takes_an_item_and_a_missing_one_is_a_fault() {
    let people = [json!({"name": "a", "age": 1}), json!({"name": "b", "age": 2})].map(Json);
    let names = given(people.clone(), |people| people.pluck("name")).await;
    assert_eq!(names, [Json(json!("a")), Json(json!("b"))]);
    let both = given(people, |people| people.pluck_all(["age", "name"])).await;
    assert_eq!(both, [Json(json!([1, "a"])), Json(json!([2, "b"]))]);
    assert_eq!(given([Json(json!([1, 2]))], |lists| lists.pluck(1)).await, [Json(json!(2))]);
    let (outputs, ended) = ran([json!({"a": 1}), json!({"b": 1})].map(Json), |x| x.pluck("a")).await;
    assert_eq!(outputs, [Json(json!(1))]);
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!(fault.to_string(), r#"record 2: pluck: "{\"b\":1}" has no field "a""#);
}

#[tokio::test]
async fn frequencies_emit_counts_after_each_element() {
    let counts = given(["a", "b", "a"], Stream::frequencies).await;
    assert_eq!(counts, [vec![("a", 1)], vec![("a", 1), ("b", 1)], vec![("a", 2), ("b", 1)]]);
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

#[tokio::test(start_paused = true)]
async fn elements_are_done_once_no_node_holds_them() {
    let source = Source::new();
    let (done, log) = list();
    source.on_done(move |done| log.lock().unwrap().push(done.last));
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
    source.on_done(move |done| log.lock().unwrap().push((done.last, done.faults.to_vec())));
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
    source.on_done(move |done| log.lock().unwrap().push(done.last));
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
    source.on_done(move |done| sender.send(done.last).unwrap());
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
    source.on_done(move |done| log.lock().unwrap().push(done.last));
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
    source.on_done(move |done| log.lock().unwrap().push(done.last));
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
    one.on_done(move |done| log.lock().unwrap().push(done.last));
    one.stream().union(other.stream()).buffer(10).sink(|_: i64| {});
    one.emit(1).await.unwrap();
    other.emit(1).await.unwrap();
    one.close().await.unwrap();
    other.close().await.unwrap();
    assert!(done.lock().unwrap().is_empty());
}

/// Each element twice, and a word at the end.
struct Echo;

impl Operator<String> for Echo {
    type Output = String;

    fn take(&mut self, element: String, outputs: &mut Outputs<String>) -> Result<(), String> {
        if element.is_empty() {
            return Err("there is nothing to repeat".to_owned());
        }
        outputs.give(element.clone());
        outputs.give(element);
        Ok(())
    }

    fn end(&mut self, outputs: &mut Outputs<String>) {
        outputs.give("end".to_owned());
    }
}

#[tokio::test]
async fn a_custom_operator_is_a_state_and_a_step_function() {
    let words = ["a", "b"].map(str::to_owned);
    assert_eq!(given(words, |words| words.through(Echo)).await, ["a", "a", "b", "b", "end"]);
    let (_, ended) = ran(["a", ""].map(str::to_owned), |words| words.through(Echo)).await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!(fault.to_string(), "record 2: Echo: there is nothing to repeat");
}

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

#[tokio::test]
async fn a_failing_closure_meets_the_policy() {
    let (put, aside) = list();
    let policy = FaultPolicy::divert(move |letter| {
        aside.lock().unwrap().push((letter.fault.to_string(), letter.record.to_vec()));
        Ok(())
    });
    let lines = ["1", "two", "3"].map(str::to_owned);
    let numbers = given(lines, |lines| lines.try_map(|line: String| line.parse::<u8>(), &policy)).await;
    assert_eq!(numbers, [1, 3]);
    let fault = "record 2: try_map: invalid digit found in string".to_owned();
    assert_eq!(*put.lock().unwrap(), [(fault, b"two".to_vec())]);
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
