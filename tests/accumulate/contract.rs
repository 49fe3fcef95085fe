//! Functions that break the contract, and uses that do not fit it.

use engine::{Error, Pool};

use super::support::ran_liar;
use crate::support::{hostile, misbehaving, ran};

#[tokio::test]
async fn a_failing_state_function_ends_the_run_with_one_line() {
    let (outputs, ended) = ran_liar("has_a_state", &["a", "b", "c"]).await;
    ended.unwrap();
    assert_eq!(outputs, ["a", "b", "c"]);
    for (name, said) in [
        ("loops_in_state", "loops_in_state can't hand over its state: it took longer than 300ms"),
        ("panics_in_state", "panics_in_state can't hand over its state: it trapped: unreachable code"),
        ("refuses_state", "refuses_state can't hand over its state: it I won't tell\u{fffd}[2J fake line"),
        ("huge_state", "huge_state can't hand over its state: it needed more than 32.0 MiB of memory"),
        ("loops_with_state", "loops_with_state can't be opened: it took longer than 300ms"),
        ("panics_with_state", "panics_with_state can't be opened: it trapped: unreachable code"),
        ("refuses_with_state", "refuses_with_state can't be opened: I won't go on\u{fffd}[2J fake line"),
    ] {
        let (outputs, ended) = ran_liar(name, &["a", "b", "c"]).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(said), "{name}: {error}");
        assert!(error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
        assert_eq!(outputs, ["a"], "{name}: what came before it is out");
    }
}

#[tokio::test]
async fn invalid_outcomes_are_faults_of_the_record() {
    let (_, ended) = ran_liar("counts_two", &["a", "b"]).await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, fault.cause.kind()), (1, "broken-contract"));
    // Alone, the record violates nothing.
    let records = ["a"; 100];
    let (outputs, ended) = ran_liar("goes_on_after_a_retry", &records).await;
    ended.unwrap();
    assert_eq!(outputs, records);
    let (_, ended) = ran_liar("gives_keys", &["a"]).await;
    assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 1));
}

#[tokio::test]
async fn keys_reach_the_function_unchanged() {
    let pool = Pool::new().unwrap();
    let gives_keys =
        pool.blocking_load(hostile("liar")).unwrap().function::<String, String>("gives_keys").unwrap();
    let records = ["a", "", "b é"].map(str::to_owned);
    let (outputs, ended) =
        ran(records, |stream| stream.accumulate_by(|x: &String| format!("<{x}>"), &gives_keys)).await;
    ended.unwrap();
    assert_eq!(outputs, ["<a>", "<>", "<b é>"]);
}

#[tokio::test]
async fn an_accumulator_runs_only_as_one_and_in_order() {
    let pool = Pool::new().unwrap();
    let total = misbehaving::<String, String>(&pool, "total");
    let upper = misbehaving::<String, String>(&pool, "upper");
    let said = |ended: Result<(), Error>| ended.unwrap_err().to_string();
    let one = || ["1".to_owned()];
    let (_, ended) = ran(one(), |stream| stream.scatter(&pool).apply(&total).gather()).await;
    assert!(
        said(ended)
            .starts_with("total accumulates, so it needs records one by one and in order: gather before it")
    );
    let (_, ended) = ran(one(), |stream| stream.scatter(&pool).map(&total).gather()).await;
    assert_eq!(said(ended), "total is an accumulate function and can't be used as a map");
    let (_, ended) = ran(one(), |stream| stream.map(&total)).await;
    assert_eq!(said(ended), "total is an accumulate function and can't be used as a map");
    let (_, ended) = ran(one(), |stream| stream.accumulate(&upper)).await;
    assert_eq!(said(ended), "upper is a map function and can't be used as an accumulate");
    let (outputs, ended) = ran(one(), |stream| stream.apply(&total)).await;
    ended.unwrap();
    assert_eq!(outputs, [" 1 0.3333333333333333"]);
}
