//! Nodes that keep a state.

use engine::operators::{Keeps, Operator, Outputs};
use engine::{Error, Stream};

use super::support::{given, n};
use crate::support::ran;

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
async fn unique_forgets_the_oldest_elements() {
    assert_eq!(given([1, 2, 1, 3, 2, 1], |x| x.unique(n(10))).await, [1, 2, 3]);
    // 1 is seen again, so 2 is the one to be forgotten.
    assert_eq!(given([1, 2, 1, 3, 1, 2], |x| x.unique(n(2))).await, [1, 2, 3, 2]);
    assert_eq!(given([1, 11, 2], |x| x.unique_by(n(10), |x: &i64| x % 10)).await, [1, 2]);
}

#[tokio::test]
async fn frequencies_emit_counts_after_each_element() {
    let counts = given(["a", "b", "a"], Stream::frequencies).await;
    assert_eq!(counts, [vec![("a", 1)], vec![("a", 1), ("b", 1)], vec![("a", 2), ("b", 1)]]);
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

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
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
