//! Sinks of a program's own: refusals, retries, batches and cancelled calls.

use std::sync::{Arc, Mutex};

use engine::sinks::{self, Consumer, Records, Refusal};
use engine::{Error, FaultPolicy, Source};

use crate::support::{divert_to_list, put};

/// Accepts a record at the `attempts`-th try, and no number below 0.
struct Picky {
    attempts: u32,
    asked: u32,
    ended: Arc<Mutex<Vec<i64>>>,
    taken: Vec<i64>,
}

impl Consumer<i64> for Picky {
    async fn take(&mut self, x: i64) -> Result<(), Refusal> {
        self.asked += 1;
        if x < 0 {
            return Err(Refusal::fault("it is negative"));
        }
        if self.asked < self.attempts {
            return Err(Refusal::retryable("not now"));
        }
        self.asked = 0;
        self.taken.push(x);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        *self.ended.lock().unwrap() = std::mem::take(&mut self.taken);
        Ok(())
    }
}

fn picky(attempts: u32) -> (Picky, Arc<Mutex<Vec<i64>>>) {
    let ended = Arc::default();
    (Picky { attempts, asked: 0, ended: Arc::clone(&ended), taken: Vec::new() }, ended)
}

#[tokio::test(start_paused = true)]
async fn a_record_refused_by_a_sink_meets_its_policy() {
    let (consumer, ended) = picky(1);
    let error = put([1, -2, 3], sinks::consumer(consumer)).await.unwrap_err();
    assert_eq!(error.to_string(), "record 2: Picky: it is negative");
    assert_eq!(*ended.lock().unwrap(), [1], "what was taken before is written out");
    let (policy, letters) = divert_to_list();
    let (consumer, ended) = picky(1);
    put([1, -2, 3], sinks::consumer(consumer).on_fault(&policy)).await.unwrap();
    assert_eq!(*ended.lock().unwrap(), [1, 3]);
    assert_eq!((&*letters.read()[0].record, letters.read().len()), (&b"-2"[..], 1));
}

#[tokio::test(start_paused = true)]
async fn a_retryable_sink_failure_is_retried() {
    let (consumer, ended) = picky(3);
    let begun = tokio::time::Instant::now();
    put([1], sinks::consumer(consumer).on_fault(&FaultPolicy::stop().retries(2))).await.unwrap();
    assert_eq!((&*ended.lock().unwrap(), begun.elapsed().as_millis()), (&vec![1], 300));
    let (policy, letters) = divert_to_list();
    let (consumer, _) = picky(9);
    put([1], sinks::consumer(consumer).on_fault(&policy.retries(2))).await.unwrap();
    assert_eq!(letters.read()[0].attempts, 3);
}

/// Logs each batch of words, and refuses words with a question mark.
struct Words(Arc<Mutex<Vec<Vec<String>>>>);

impl Consumer<Records> for Words {
    async fn take(&mut self, records: Records) -> Result<(), Refusal> {
        let words: Vec<_> = records.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let wrong = words.iter().position(|word| word.contains('?'));
        self.0.lock().unwrap().push(words[..wrong.unwrap_or(words.len())].to_vec());
        wrong.map_or(Ok(()), |index| Err(Refusal::fault("it is a question").at(index)))
    }
}

#[tokio::test]
async fn records_reach_a_sink_in_batches_and_none_twice() {
    let source = Source::<String>::new();
    let (policy, letters) = divert_to_list();
    let seen = Arc::default();
    source.stream().sink(sinks::records(Words(Arc::clone(&seen))).on_fault(&policy));
    source.emit_records(["a", "b", "why?", "c"]).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(letters.read()[0].fault.to_string(), "record 3: Words: it is a question");
    assert_eq!((source.progress().counts().delivered, source.progress().counts().faults), (3, 1));
}

#[tokio::test]
async fn a_cancelled_sink_call_is_the_last() {
    struct Never;
    impl Consumer<i64> for Never {
        async fn take(&mut self, _: i64) -> Result<(), Refusal> {
            std::future::pending().await
        }
    }
    let source = Source::new();
    source.stream().sink(sinks::consumer(Never));
    tokio::select! {
        biased;
        _ = source.emit(1) => panic!("it never takes it"),
        () = tokio::task::yield_now() => {}
    }
    let closed = source.close().await.unwrap_err();
    assert_eq!(closed.to_string(), "a call of Never was cut short: what it did is not known");
}
