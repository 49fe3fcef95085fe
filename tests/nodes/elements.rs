//! Nodes that map, select and take apart single elements.

use std::num::NonZeroU64;
use std::time::Duration;

use engine::{Error, FaultPolicy, Json, Stream};
use serde_json::{Value, json};

use super::support::given;
use crate::support::{list, ran};

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
