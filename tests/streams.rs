//! Local streams, without a pool.

use engine::{Cause, Error, Json, Pool, Source, sinks, sources};

use crate::support::{list, misbehaving, only, ran};

#[tokio::test]
async fn closures_can_map_filter_and_flat_map() {
    let (outputs, ended) = ran(1..=6, |numbers| {
        numbers
            .map(|x: i64| x * 10)
            .filter(|x: &i64| x % 20 == 0)
            .flat_map(|x: i64| vec![x, x + 1])
            .map(|x: i64| x.to_string())
    })
    .await;
    ended.unwrap();
    assert_eq!(outputs, ["20", "21", "40", "41", "60", "61"]);
}

#[tokio::test]
async fn a_plugin_function_maps_elements_one_by_one() {
    let inc = only::<i64, i64>(&Pool::new().unwrap(), "inc");
    let (outputs, ended) = ran(0..10, |numbers| numbers.map(&inc).map(|x: i64| x * 2)).await;
    ended.unwrap();
    assert_eq!(outputs, (0..10).map(|x| (x + 1) * 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn elements_go_through_the_graph_one_by_one() {
    let (seen, log) = list();
    let (mapped, sunk) = (log.clone(), log);
    let source = Source::new();
    source
        .stream()
        .map(move |x: i64| {
            mapped.lock().unwrap().push(format!("map {x}"));
            x
        })
        .sink(move |x: i64| sunk.lock().unwrap().push(format!("sink {x}")));
    sources::lines("1\n2\n".as_bytes()).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["map 1", "sink 1", "map 2", "sink 2"]);
}

#[tokio::test]
async fn a_stream_may_fork() {
    let (seen, log) = list();
    let other = log.clone();
    let source = Source::new();
    source.stream().sink(move |x: i64| log.lock().unwrap().push(x));
    source.stream().map(|x: i64| -x).sink(move |x: i64| other.lock().unwrap().push(x));
    sources::lines("1\n2\n".as_bytes()).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, -1, 2, -2]);
}

#[tokio::test]
async fn concurrent_emits_keep_their_order() {
    let pool = Pool::new().unwrap();
    let inc = only::<i64, i64>(&pool, "inc");
    let source = std::sync::Arc::new(Source::new());
    let (outputs, list) = list();
    source
        .stream()
        .scatter(&pool)
        .map(&inc)
        .buffer(2)
        .gather()
        .sink(move |x: i64| list.lock().unwrap().push(x));
    let mut emits = tokio::task::JoinSet::new();
    for x in 0..200 {
        let source = source.clone();
        emits.spawn(async move { source.emit(x).await });
    }
    while let Some(emitted) = emits.join_next().await {
        emitted.unwrap().unwrap();
    }
    source.close().await.unwrap();
    assert_eq!(*outputs.lock().unwrap(), (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_emit_after_close_fails_at_once() {
    let source = Source::new();
    source.stream().sink(|_: i64| {});
    source.close().await.unwrap();
    assert!(matches!(source.emit(1).await, Err(Error::Closed)));
    source.close().await.unwrap();
}

#[tokio::test]
async fn a_fault_is_returned_to_emit_and_to_close() {
    let fails = misbehaving::<String, String>(&Pool::new().unwrap(), "fails");
    let (outputs, ended) = ran(["a", "bad", "b"].map(str::to_owned), |lines| lines.map(&fails)).await;
    assert_eq!(outputs, ["a"]);
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, &*fault.function), (2, "fails"));
    assert!(matches!(fault.cause, Cause::Failed { .. }));
}

#[tokio::test]
async fn lines_that_do_not_parse_are_faults_of_the_source() {
    let source = Source::new();
    let (outputs, list) = list();
    source.stream().sink(move |x: i64| list.lock().unwrap().push(x));
    let emitted = sources::lines("1\ntwo\n3\n".as_bytes()).emit_into(&source).await;
    assert_eq!(
        emitted.unwrap_err().to_string(),
        r#"record 2: source: its output can't be read: expected i64, found "two""#
    );
    assert_eq!(*outputs.lock().unwrap(), [1]);
}

#[tokio::test]
async fn structures_travel_as_json() {
    let pool = Pool::new().unwrap();
    let parse = pool
        .blocking_load(crate::support::plugin("weather"))
        .unwrap()
        .function::<String, Json<serde_json::Value>>("parse");
    let row = "JFK,2013,1,1,1,39.02,26.06,59.37,270,10.36,NA,0,1012,10,2013-01-01T06:00:00Z";
    let (outputs, ended) = ran([row.to_owned()], |rows| rows.map(&parse.unwrap())).await;
    ended.unwrap();
    assert_eq!(outputs[0].0["origin"], "JFK");
}

#[tokio::test]
async fn lines_are_written_as_they_arrive() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = engine::plugin::Output::new(file.reopen().unwrap());
    let source = Source::<String>::new();
    source.stream().sink(sinks::lines(&output));
    // The line is written within the call, since no other record is ready.
    source.emit("first".to_owned()).await.unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "first\n");
    source.close().await.unwrap();
}
