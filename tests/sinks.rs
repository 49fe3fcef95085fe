//! Where records go: files, formats, processes and connections, as they really are.

use std::fs;
use std::sync::{Arc, Mutex};

use engine::sinks::{self, Consumer, Records, Refusal};
use engine::sources::Feed;

use crate::support::put_aside;
use engine::{CancellationToken, Error, FaultPolicy, Record, Sink, Source, sources};

/// Puts records into a sink, to the end.
async fn put<T: Record>(records: impl IntoIterator<Item = T>, sink: impl Sink<T>) -> Result<(), Error> {
    let source = Source::new();
    source.stream().sink(sink);
    let mut emitted = Ok(());
    for record in records {
        emitted = source.emit(record).await;
        if emitted.is_err() {
            break;
        }
    }
    source.close().await.and(emitted)
}

/// Takes what can be had for the `attempts`-th time, and no number below 0.
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
async fn a_record_that_a_sink_refuses_meets_its_policy() {
    let (consumer, ended) = picky(1);
    let error = put([1, -2, 3], sinks::consumer(consumer)).await.unwrap_err();
    assert_eq!(error.to_string(), "record 2: Picky: it is negative");
    assert_eq!(*ended.lock().unwrap(), [1], "what was taken before is written out");
    let (policy, letters) = put_aside();
    let (consumer, ended) = picky(1);
    put([1, -2, 3], sinks::consumer(consumer).on_fault(&policy)).await.unwrap();
    assert_eq!(*ended.lock().unwrap(), [1, 3]);
    assert_eq!((&*letters.read()[0].record, letters.read().len()), (&b"-2"[..], 1));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_says_try_again_is_given_the_record_again() {
    let (consumer, ended) = picky(3);
    let begun = tokio::time::Instant::now();
    put([1], sinks::consumer(consumer).on_fault(&FaultPolicy::stop().retries(2))).await.unwrap();
    assert_eq!((&*ended.lock().unwrap(), begun.elapsed().as_millis()), (&vec![1], 300));
    let (policy, letters) = put_aside();
    let (consumer, _) = picky(9);
    put([1], sinks::consumer(consumer).on_fault(&policy.retries(2))).await.unwrap();
    assert_eq!(letters.read()[0].attempts, 3);
}

/// Writes words down, each batch as it came, and refuses those with a question mark.
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
async fn records_reach_a_sink_together_and_none_is_given_twice() {
    let source = Source::<String>::new();
    let (policy, letters) = put_aside();
    let seen = Arc::default();
    source.stream().sink(sinks::records(Words(Arc::clone(&seen))).on_fault(&policy));
    source.emit_records(["a", "b", "why?", "c"]).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(letters.read()[0].fault.to_string(), "record 3: Words: it is a question");
    assert_eq!((source.counts().delivered, source.counts().faults), (3, 1));
}

#[tokio::test]
async fn a_call_that_was_given_up_is_the_last() {
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
    assert_eq!(closed.to_string(), "a call of Never was given up midway: what it did is not known");
}

#[tokio::test]
async fn a_file_is_emptied_or_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    put([1, 2], sinks::files(&path)).await.unwrap();
    put([3], sinks::files(&path).append()).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
    put([4], sinks::files(&path).separated_by(0)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "4\0");
    put::<i64>([], sinks::files(&path)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let error = put([1], sinks::files(folder.path().join("no/out"))).await.unwrap_err();
    assert!(matches!(error, Error::Write { path, .. } if path.ends_with("no/out")));
}

#[tokio::test]
async fn a_line_is_in_the_file_when_its_emit_returns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let source = Source::new();
    source.stream().sink(sinks::files(&path));
    source.emit(1).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    let lines = sources::lines("2\n3\n".as_bytes());
    lines.feed(&source, &CancellationToken::new()).await.unwrap();
    source.close().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
}
