//! Functions, pools and arguments that do not fit.

use engine::Error;
use engine::error::{FunctionError, GraphError};

use super::support::pool;
use crate::support::{only, plugin, ran};

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
