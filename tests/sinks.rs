//! Sinks against real files, formats, processes and connections.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::error::FileError;
use engine::sinks::{self, Consumer, Records, Refusal};
use engine::sources::Feed;
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

use crate::support::divert_to_list;
use engine::{CancellationToken, Error, FaultPolicy, Record, Sink, Source, sources};

/// Writes records to a sink and closes it.
pub(crate) async fn put<T: Record>(
    records: impl IntoIterator<Item = T>,
    sink: impl Sink<T>,
) -> Result<(), Error> {
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
    assert_eq!((source.counts().delivered, source.counts().faults), (3, 1));
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

#[cfg(unix)]
#[tokio::test]
async fn a_cancelled_sink_close_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new();
    source
        .stream()
        .sink(sinks::process(["sh", "-c", "cat > got; mkfifo wait; cat wait"]).folder(folder.path()));
    source.emit(1).await.unwrap();
    let close = tokio::time::timeout(Duration::from_millis(1), source.close());
    close.await.unwrap_err();
    while !folder.path().join("wait").exists() {
        tokio::task::yield_now().await;
    }
    let path = folder.path().join("wait");
    let opened = tokio::task::spawn_blocking(|| fs::OpenOptions::new().write(true).open(path).map(drop));
    source.close().await.unwrap();
    opened.await.unwrap().unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("got")).unwrap(), "1\n");
}

#[tokio::test]
async fn a_file_is_truncated_or_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    put([1, 2], sinks::files(&path)).await.unwrap();
    put([3], sinks::files(&path).append(true)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n3\n");
    put([4], sinks::files(&path).separated_by(0)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "4\0");
    put::<i64>([], sinks::files(&path)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let error = put([1], sinks::files(folder.path().join("no/out"))).await.unwrap_err();
    assert!(matches!(error, Error::File(FileError::Write { path, .. }) if path.ends_with("no/out")));
}

#[tokio::test]
async fn an_emitted_line_is_in_the_file_when_emit_returns() {
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

#[tokio::test]
async fn files_rotate_between_records_and_old_ones_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    put(
        ["aaaa", "bbbb", "c\nc", "dddddddddddd", "e"].map(str::to_owned),
        sinks::files(&path).rotate_at(10).keep(2),
    )
    .await
    .unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
    assert_eq!(read("log").unwrap(), "e\n");
    assert_eq!(read("log.1").unwrap(), "dddddddddddd\n");
    assert_eq!(read("log.2").unwrap(), "c\nc\n");
    assert_eq!(read("log.3"), None);
    // Existing content counts, and is appended to.
    put(["ffff", "g"].map(str::to_owned), sinks::files(&path).append(true).rotate_at(8).keep(1))
        .await
        .unwrap();
    assert_eq!((read("log.1").unwrap(), read("log").unwrap()), ("e\nffff\n".into(), "g\n".into()));
}

#[tokio::test(start_paused = true)]
async fn files_rotate_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let source = Source::new();
    source.stream().sink(sinks::files(&path).rotate_every(Duration::from_secs(3600)).keep(5));
    for x in 0..4 {
        source.emit(x).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1800)).await;
    }
    source.close().await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "0\n1\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "2\n3\n");
}

#[tokio::test]
async fn compressed_output_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.gz");
    put([1, 2], sinks::files(&path).gzip(true)).await.unwrap();
    put([3], sinks::files(&path).gzip(true).append(true)).await.unwrap();
    assert_ne!(fs::read(&path).unwrap()[0], b'1');
    let source = Source::<i64>::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    sources::files([path]).feed(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(list.take(), [1, 2, 3]);
}

#[tokio::test]
async fn objects_become_rows_and_others_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let records = [
        r#"{"z":"a,b","a":1.50}"#,
        r#"{"a":null,"z":{"k":[true]}}"#,
        r#"{"z":1}"#,
        r#"{"z":1,"a":2,"b":3}"#,
        "[1]",
        "7",
        r#"["x","y"]"#,
    ];
    let (policy, letters) = divert_to_list();
    put(records.map(str::to_owned), sinks::csv(&path).on_fault(&policy)).await.unwrap();
    let text = "z,a\n\"a,b\",1.50\n\"{\"\"k\"\":[true]}\",\nx,y\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let messages: Vec<_> = letters.read().iter().map(|letter| letter.fault.to_string()).collect();
    assert_eq!(
        messages,
        [
            r#"record 3: csv: it has no "a""#,
            r#"record 4: csv: there is no column for "b""#,
            "record 5: csv: it has 1 values, and there are 2 columns",
            "record 6: csv: it is neither a JSON object nor an array",
        ]
    );
    put(["[1,2]".to_owned()], sinks::csv(&path).columns(["z", "a"]).append(true)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}1,2\n"));
    put::<String>([], sinks::csv(&path).columns(["z", "a"])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "z,a\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gets_all_records_and_the_run_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let sort = sinks::process(["sh", "-c", "sort -n > sorted"]).folder(folder.path());
    put([3, 1, 2], sort).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("sorted")).unwrap(), "1\n2\n3\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_or_ends_early_ends_the_run() {
    let failed = put([1], sinks::process(["sh", "-c", "cat > /dev/null; exit 3"])).await.unwrap_err();
    assert_eq!(failed.to_string(), "sh ended with exit status: 3");
    let lines = || (0..).map(|_| "x".repeat(1 << 16));
    let failed = put(lines(), sinks::process(["sh", "-c", "exit 4"])).await.unwrap_err();
    assert_eq!(failed.to_string(), "sh ended with exit status: 4");
    let early = put(lines(), sinks::process(["head", "-c", "1"])).await.unwrap_err();
    assert_eq!(early.to_string(), "can't write the output");
    let missing = put::<i64>([], sinks::process(["/no/such/command"])).await.unwrap_err();
    assert_eq!(missing.to_string(), "can't run /no/such/command");
}

#[tokio::test]
async fn tcp_lines_continue_after_a_reconnect() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = Source::new();
    source.stream().sink(sinks::tcp(address.to_string()));
    source.emit(1).await.unwrap();
    let mut line = [0; 2];
    let (mut first, _) = listener.accept().await.unwrap();
    first.read_exact(&mut line).await.unwrap();
    drop(first);
    source.emit(2).await.unwrap();
    source.emit(3).await.unwrap();
    let (mut second, _) = listener.accept().await.unwrap();
    source.close().await.unwrap();
    let mut rest = String::new();
    second.read_to_string(&mut rest).await.unwrap();
    assert_eq!((&line, &*rest), (b"1\n", "2\n3\n"));
    drop(listener);
    let failed = put([1], sinks::tcp(address.to_string()).retries(1)).await.unwrap_err();
    assert_eq!(failed.to_string(), format!("lost the connection to {address}"));
}

/// A server that gives these answers, then 200, and keeps the requests.
pub(crate) struct Server {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    kinds: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn new(answers: impl IntoIterator<Item = (u16, Option<&'static str>)>) -> Self {
        let (bodies, kinds) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (asked, told) = (bodies.clone(), kinds.clone());
        let answer = move |headers: axum::http::HeaderMap, body: String| {
            asked.lock().unwrap().push(body);
            let header = |name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
            told.lock().unwrap().push(header("content-type") + &header("x-key"));
            let (status, after) = answers.lock().unwrap().pop_front().unwrap_or((200, None));
            let after = after.map(|after| [("retry-after", after)]);
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            std::future::ready((status, after.map(axum::response::AppendHeaders), ""))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/in", axum::routing::post(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, bodies, kinds }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_post_is_retried_until_it_succeeds() {
    let server = Server::new([(503, None), (429, Some("1"))]).await;
    let begun = std::time::Instant::now();
    put([1, 2], sinks::http(&server.url).header("x-key", ":k")).await.unwrap();
    assert_eq!(server.bodies(), ["1", "1", "1", "2"]);
    assert!(begun.elapsed() >= Duration::from_millis(1100), "it waits for as long as it was asked to");
    assert_eq!(server.kinds.lock().unwrap()[0], "application/octet-stream:k");
}

#[tokio::test]
async fn a_record_rejected_by_a_server_becomes_a_dead_letter() {
    let server = Server::new([(200, None), (422, None), (302, None), (500, None), (500, None)]).await;
    let (policy, letters) = divert_to_list();
    put([1, 2, 3, 4, 5], sinks::http(&server.url).retries(1).on_fault(&policy)).await.unwrap();
    assert_eq!(server.bodies(), ["1", "2", "3", "4", "4", "5"]);
    let letters: Vec<_> = letters.read().into_iter().map(|l| (l.fault.to_string(), l.attempts)).collect();
    let said = |status| format!("{} answered {status}", server.url);
    assert_eq!(
        letters,
        [
            (format!("record 2: http: {}", said("422 Unprocessable Entity")), 1),
            (format!("record 3: http: {}", said("302 Found")), 1),
            (format!("record 4: http: {}", said("500 Internal Server Error")), 2),
        ]
    );
    let server = Server::new([(400, None)]).await;
    let ended = put([1, 2, 3], sinks::http(&server.url)).await.unwrap_err();
    assert!(matches!(ended, Error::Fault(fault) if fault.record == 1));
}

#[tokio::test]
async fn records_are_posted_in_full_batches_or_at_the_end() {
    let server = Server::new([]).await;
    let within = Duration::from_secs(3600);
    put(1..=5, sinks::http(&server.url).batches(2, within)).await.unwrap();
    assert_eq!(server.bodies(), ["1\n2\n", "3\n4\n", "5\n"]);
    assert_eq!(server.kinds.lock().unwrap()[0], "application/x-ndjson");
    let server = Server::new([]).await;
    put(1..=3, sinks::http(&server.url).batches(2, within).array(true).in_flight(2)).await.unwrap();
    let mut bodies = server.bodies();
    bodies.sort();
    assert_eq!(bodies, ["[1,2]", "[3]"]);
    let (policy, letters) = divert_to_list();
    let array = sinks::http(&server.url).batches(3, within).array(true).on_fault(&policy);
    put(["4", "x", "5"].map(str::to_owned), array).await.unwrap();
    assert_eq!(server.bodies()[2..], ["[4,5]"]);
    assert_eq!(&*letters.read()[0].record, b"x");
    let server = Server::new([]).await;
    let source = Source::new();
    source.stream().sink(sinks::http(&server.url).batches(1000, Duration::from_millis(20)));
    source.emit(1).await.unwrap();
    while server.bodies().is_empty() {
        tokio::task::yield_now().await;
    }
    source.close().await.unwrap();
    assert_eq!(server.bodies(), ["1\n"]);
}

#[tokio::test]
async fn an_unreachable_server_ends_the_run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let ended = put(0.., sinks::http(&url).retries(1)).await.unwrap_err();
    assert_eq!(ended.to_string(), format!("can't post to {url}"));
    let wrong = put([1], sinks::http("no url")).await.unwrap_err();
    assert_eq!(wrong.to_string(), "can't post to no url");
}

#[tokio::test]
async fn a_slow_server_slows_the_source_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let source = Source::new();
    source.stream().sink(sinks::http(&url));
    // It listens and does not answer: one record is in flight, one waits, and one more.
    let emitted = async {
        loop {
            source.emit(1).await.unwrap();
        }
    };
    tokio::select! {
        () = emitted => {}
        _ = tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>()) => {}
    }
    let counts = source.counts();
    assert!(counts.emitted <= 4 && counts.delivered == 0, "{counts:?}");
}

#[tokio::test]
async fn websocket_messages_continue_after_a_reconnect() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let source = Source::new();
    source.stream().sink(sinks::websocket(&url));
    let accept = async || tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
    let (emitted, mut first) = tokio::join!(source.emit(b"1".to_vec()), accept());
    emitted.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), Message::text("1"));
    first.close(None).await.unwrap();
    drop(first);
    let (emitted, mut second) = tokio::join!(source.emit(b"\xff".to_vec()), accept());
    emitted.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), Message::binary(b"\xff".to_vec()));
    let (closed, heard) = tokio::join!(source.close(), second.next());
    closed.unwrap();
    assert!(heard.unwrap().unwrap().is_close());
}
