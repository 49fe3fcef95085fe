//! States: their keys, their size, and what faults leave of them.

use std::io::Cursor;
use std::time::Duration;

use engine::error::FunctionError;
use engine::function::Isolation;
use engine::operators::Part;
use engine::{Cause, Error, FaultPolicy, Json, Pool, Source, sources};

use super::support::{Bytes, lines, text};
use crate::support::{divert_to_list, list, misbehaving, ran};

#[tokio::test]
async fn a_record_that_times_out_leaves_no_trace_in_the_state() {
    let pool = Pool::builder().threads(1).timeout(Duration::from_millis(300)).build().unwrap();
    let (policy, letters) = divert_to_list();
    let total = misbehaving::<Bytes, Bytes>(&pool, "total").on_fault(&policy);
    let source = Source::<Bytes>::new();
    let (outputs, list) = list();
    source.stream().accumulate(&total).sink(move |record: Bytes| list.lock().unwrap().push(record));
    let input = "1\n2\nloop 3\n4\nsleep 5\n6\n".repeat(2);
    sources::lines(Cursor::new(input)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    let sums: Vec<_> = text(std::mem::take(&mut *outputs.lock().unwrap()))
        .iter()
        .map(|output| output.split(' ').nth(1).unwrap().parse::<i64>().unwrap())
        .collect();
    assert_eq!(sums, [1, 3, 7, 13, 14, 16, 20, 26]);
    let faults: Vec<_> =
        letters.read().iter().map(|letter| (letter.fault.record, letter.fault.cause.kind())).collect();
    assert_eq!(faults, [3, 5, 9, 11].map(|record| (record, "timed-out")));
}

#[tokio::test]
async fn a_retried_record_sees_the_state_before_it() {
    let pool = Pool::new().unwrap();
    let (policy, letters) = divert_to_list();
    let total = misbehaving::<Bytes, Bytes>(&pool, "total").on_fault(&policy.retries(2));
    let (outputs, ended) = ran(lines(&["1", "later 100", "2"]), |stream| stream.accumulate(&total)).await;
    ended.unwrap();
    assert_eq!(text(outputs), [" 1 0.3333333333333333", " 3 0.6666666666666666"]);
    let letters = letters.read();
    assert_eq!((letters.len(), letters[0].fault.record, letters[0].attempts), (1, 2, 3));
}

#[tokio::test]
async fn each_key_has_its_state_and_a_record_without_one_is_a_fault() {
    let pool = Pool::new().unwrap();
    let (policy, letters) = divert_to_list();
    let keeps = misbehaving::<Json<serde_json::Value>, u32>(&pool, "keeps").on_fault(&policy);
    let records = [r#"{"u":1}"#, r#"{"u":22}"#, r#"{"u": 1}"#, r#"{"v":1}"#, "7", r#"{"u":22}"#];
    let records = records.map(|record| Json(serde_json::from_str(record).unwrap()));
    let (outputs, ended) = ran(records, |stream| stream.accumulate_by(Part::from("u"), &keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, [7, 8, 14, 16]);
    let letters = letters.read();
    let said: Vec<_> = letters.iter().map(|letter| letter.fault.to_string()).collect();
    assert_eq!(said[0], r#"record 4: keeps: "{\"v\":1}" has no field "u", which is the key"#);
    assert!(said[1].starts_with(r#"record 5: keeps: "7" has no field "u", which is the key"#), "{}", said[1]);
}

#[tokio::test]
async fn a_state_may_be_large_and_outlives_its_instance() {
    // Of 64 MiB the state takes up to 6, several times while it is written and read.
    let pool = Pool::builder().threads(1).isolation(Isolation::Batch).build().unwrap();
    let keeps = misbehaving::<String, u32>(&pool, "keeps").with("times", 1 << 20).unwrap();
    let (outputs, ended) = ran(vec!["a".to_owned(); 6], |stream| stream.accumulate(&keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, (1..=6).map(|n| n << 20).collect::<Vec<u32>>());
}

#[tokio::test]
async fn an_oversized_state_is_a_fault_of_its_record() {
    let pool = Pool::builder().threads(1).memory(8 << 20).build().unwrap();
    let (policy, letters) = divert_to_list();
    let keeps = misbehaving::<String, u32>(&pool, "keeps").with("times", 1 << 20).unwrap().on_fault(&policy);
    let records = ["a", "aaaaaaaaaaaa", "b"].map(str::to_owned);
    let (outputs, ended) = ran(records, |stream| stream.accumulate(&keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, [1 << 20, 2 << 20]);
    let letters = letters.read();
    let faults: Vec<_> =
        letters.iter().map(|letter| (letter.fault.record, letter.fault.cause.kind())).collect();
    assert_eq!(faults, [(2, "out-of-memory")]);
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_ends_the_run() {
    let pool = Pool::builder().threads(1).isolation(Isolation::Batch).build().unwrap();
    let quotient = misbehaving::<f64, String>(&pool, "quotient");
    let (outputs, ended) = ran([2.0, 0.0, 1.0], |stream| stream.accumulate(&quotient)).await;
    assert_eq!(outputs, ["0.5", "inf"]);
    let Err(Error::Function(FunctionError::State { function, cause: Cause::Failed { message, .. } })) = ended
    else {
        panic!("{ended:?}")
    };
    assert_eq!(function, "quotient");
    assert!(message.contains("no JSON"), "{message}");
}

#[tokio::test]
async fn a_function_that_is_not_deterministic_is_detected() {
    let pool = Pool::new().unwrap();
    let disagrees = misbehaving::<String, u64>(&pool, "disagrees").on_fault(&FaultPolicy::skip());
    let records = ["a", "b", "bad", "c", "bad", "d"].map(str::to_owned);
    let (outputs, ended) = ran(records, |stream| stream.accumulate(&disagrees)).await;
    assert_eq!(outputs[..2], [0, 1]);
    if let Err(error) = ended {
        let said = error.to_string();
        assert!(said.starts_with("disagrees can't be brought back to its state: "), "{said}");
    }
}
