//! Threads and instances: what waits for which.

use std::time::{Duration, Instant};

use engine::{Pool, Source, sources};

use super::support::pool;
use crate::support::{list, misbehaving, only, plugin, ran};

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
