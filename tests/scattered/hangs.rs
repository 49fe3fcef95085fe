//! What could hang: cancelled calls, results that wait, closures that block or panic.

use std::time::Duration;

use engine::{Source, sources};

use super::support::pool;
use crate::support::{list, misbehaving, only};

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
    assert_eq!(source.progress().counts().delivered, 121);
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
