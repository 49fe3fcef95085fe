//! Sources against real files, formats, processes and connections.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::error::FileError;
use engine::sources::{self, Csv, Feed, Layout};
use engine::{CancellationToken, Error, Record, Source, Stream, sinks};
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::divert_to_list;

/// A temporary folder.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A file with these bytes.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// All records of a source, and how it ended.
pub(crate) async fn fed<T: Record>(feed: impl Feed<T>) -> (Vec<T>, Result<(), Error>) {
    let source = Source::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    let fed = feed.feed(&source, &CancellationToken::new()).await;
    let closed = source.close().await;
    (list.take(), fed.and(closed))
}

/// The lines of a source that must not fail.
pub(crate) async fn lines_of(feed: impl Feed<String>) -> Vec<String> {
    let (lines, ended) = fed(feed).await;
    ended.unwrap();
    lines
}

#[tokio::test]
async fn files_are_read_in_order_and_a_last_line_ends_with_its_file() {
    let folder = folder();
    let paths = [file(&folder, "a", "1\n2"), file(&folder, "b", ""), file(&folder, "c", "3\r\n\n")];
    assert_eq!(lines_of(sources::files(paths)).await, ["1", "2", "3", ""]);
    let nul = file(&folder, "nul", "a\nb\0c\0");
    assert_eq!(lines_of(sources::files([nul]).separated_by(0)).await, ["a\nb", "c"]);
}

#[tokio::test]
async fn a_missing_file_is_named_after_the_records_before_it() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let (lines, ended) = fed::<i64>(sources::files([file(&folder, "a", "1\n"), missing.clone()])).await;
    assert_eq!(lines, [1]);
    assert!(matches!(ended, Err(Error::File(FileError::Read { path, .. })) if path == missing));
}

#[tokio::test]
async fn sending_to_a_full_channel_waits_for_the_sink() {
    let (sender, channel) = sources::channel(1);
    let source = Source::new();
    let (taken, mut waiting) = tokio::sync::mpsc::channel(1);
    source.stream().sink(sinks::consumer(Slow(taken)));
    let feeding = tokio::spawn(async move {
        channel.feed(&source, &CancellationToken::new()).await.unwrap();
        source.close().await.unwrap();
    });
    // The sink has one, and waits; one is in the channel.
    sender.send(1).await.unwrap();
    let first = waiting.recv().await.unwrap();
    sender.send(2).await.unwrap();
    assert_eq!(sender.try_send(3), Err(3));
    first.send(()).unwrap();
    let second = waiting.recv().await.unwrap();
    sender.send(3).await.unwrap();
    drop(sender);
    second.send(()).unwrap();
    waiting.recv().await.unwrap().send(()).unwrap();
    feeding.await.unwrap();
}

/// A sink that finishes an element when the test says so.
struct Slow(tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<()>>);

impl sinks::Consumer<i64> for Slow {
    async fn take(&mut self, _: i64) -> Result<(), sinks::Refusal> {
        let (done, wait) = tokio::sync::oneshot::channel();
        self.0.send(done).await.unwrap();
        wait.await.unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_stopped_channel_emits_what_was_sent() {
    let (sender, channel) = sources::channel(8);
    for x in 0..5 {
        sender.send(x).await.unwrap();
    }
    let source = Source::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    let stop = CancellationToken::new();
    stop.cancel();
    channel.feed(&source, &stop).await.unwrap();
    assert_eq!(list.take(), [0, 1, 2, 3, 4]);
    assert!(matches!(sender.send(5).await, Err(Error::Closed)));
}

#[tokio::test]
async fn emitted_and_refused_bytes_count_as_numbered_records() {
    let source = Source::<i64>::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    source.emit_records(["1", "2"]).await.unwrap();
    let skip = engine::FaultPolicy::skip();
    source.refuse(b"?", "reader", "it is no number", &skip).await.unwrap();
    source.emit_records(["4"]).await.unwrap();
    let long = vec![b'0'; (32 << 20) + 1];
    let error = source.emit_records([&b"5"[..], &long]).await.unwrap_err();
    assert_eq!(error.to_string(), "record 6 of the input is longer than 32.0 MiB");
    assert_eq!(list.take(), [1, 2, 4, 5]);
    assert_eq!(skip.first_fault().unwrap().to_string(), "record 3: reader: it is no number");
    assert_eq!((source.last_number(), source.counts().faults), (5, 1));
}

#[tokio::test]
async fn a_broken_row_is_a_fault_and_later_rows_keep_their_numbers() {
    let bytes = b"a,b\n1,\"x\ny\"\n2\n3,\xff\n4,z\n";
    let (policy, letters) = divert_to_list();
    let source = Source::<Vec<u8>>::new();
    let (sink, rows) = sinks::list();
    source.stream().sink(sink);
    let csv = sources::csv(&bytes[..], Csv::new()).on_fault(&policy);
    csv.feed(&source, &CancellationToken::new()).await.unwrap();
    let rows: Vec<_> = rows.take().into_iter().map(|row| String::from_utf8(row).unwrap()).collect();
    assert_eq!(rows, [r#"{"a":"1","b":"x\ny"}"#, r#"{"a":"4","b":"z"}"#]);
    let letters = letters.read();
    assert_eq!(letters[0].fault.to_string(), "record 2: csv: it has 1 field, and the header has 2");
    assert_eq!(letters[1].fault.to_string(), "record 3: csv: it is not UTF-8");
    assert_eq!((&*letters[0].record, &*letters[1].record), (&b"2"[..], &b"3,\xff"[..]));
    assert_eq!((source.last_number(), source.counts().faults), (4, 2));
}

#[tokio::test]
async fn a_broken_row_ends_the_run_after_the_rows_before_it() {
    let (rows, ended) = fed::<String>(sources::csv(&b"a\n1\n2,3\n4\n"[..], Csv::new())).await;
    assert_eq!(rows, [r#"{"a":"1"}"#]);
    assert_eq!(ended.unwrap_err().to_string(), "record 2: csv: it has 2 fields, and the header has 1");
}

#[tokio::test]
async fn csv_is_read_with_its_options() {
    let given = Csv::new().delimiter(b'\t').quote(None).headers(["n", "s"]).infer(true);
    let rows = lines_of(sources::csv(&b"1\t\"x\r\n\r\n-0.5e3\ttrue\n01\t\n"[..], given)).await;
    assert_eq!(rows, [r#"{"n":1,"s":"\"x"}"#, r#"{"n":-0.5e3,"s":true}"#, r#"{"n":"01","s":null}"#]);
    let twice = fed::<String>(sources::csv(&b"a,a\n1,2\n"[..], Csv::new())).await.1;
    assert_eq!(twice.unwrap_err().to_string(), r#"the header can't be used: it has two columns named "a""#);
}

#[tokio::test]
async fn rows_do_not_depend_on_chunk_boundaries() {
    let text: String = (0..5000).map(|i| format!("{i},\"a,{i}\"\r\n")).collect();
    for size in [1, 7, 4096] {
        let pieces = Pieces { text: format!("i,s\r\n{text}").into_bytes(), size };
        let rows = lines_of(sources::csv(pieces, Csv::new())).await;
        let expected = (0..5000).map(|i| format!(r#"{{"i":"{i}","s":"a,{i}"}}"#));
        assert!(rows.into_iter().eq(expected), "{size}");
    }
}

/// Reads its text in chunks of this size.
pub(crate) struct Pieces {
    pub(crate) text: Vec<u8>,
    pub(crate) size: usize,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.size.min(self.text.len());
        buffer[..n].copy_from_slice(&self.text[..n]);
        self.text.drain(..n);
        Ok(n)
    }
}

#[tokio::test]
async fn an_invalid_json_line_is_a_fault_and_a_blank_one_is_skipped() {
    let (policy, letters) = divert_to_list();
    let text = "{\"a\": 1}\n\n  \nnot json\n[2]\n3 4\n\"end\"";
    let reader = Pieces { text: text.into(), size: 5 };
    let lines = lines_of(sources::ndjson(reader).on_fault(&policy)).await;
    assert_eq!(lines, [r#"{"a": 1}"#, "[2]", "\"end\""]);
    let letters: Vec<_> = letters.read().into_iter().map(|l| (l.fault.record, l.record.to_vec())).collect();
    assert_eq!(letters, [(2, b"not json".to_vec()), (4, b"3 4".to_vec())]);
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_files_are_detected_by_their_first_bytes() {
    let folder = folder();
    let members = [gzip("1\n2"), gzip("3\n")].concat();
    let frames = [zstd::encode_all(&b"4\n"[..], 1).unwrap(), zstd::encode_all(&b"5\n"[..], 1).unwrap()];
    let paths = [
        file(&folder, "gzip", members),
        file(&folder, "zstd", frames.concat()),
        file(&folder, "plain.gz", "6\n"),
        file(&folder, "empty", ""),
    ];
    assert_eq!(lines_of(sources::files(paths)).await, ["1", "23", "4", "5", "6"]);
}

#[tokio::test]
async fn a_truncated_compressed_file_is_named() {
    let folder = folder();
    let text: String = (0..100_000).map(|i| format!("{i}\n")).collect();
    for (name, bytes) in [("cut.gz", gzip(&text)), ("cut.zst", zstd::encode_all(text.as_bytes(), 1).unwrap())]
    {
        let path = file(&folder, name, &bytes[..bytes.len() / 2]);
        let (lines, ended) = fed::<String>(sources::files([path.clone()])).await;
        assert!(lines.iter().zip(0..).all(|(line, i)| *line == i.to_string()) && !lines.is_empty());
        let error = ended.unwrap_err();
        assert_eq!(error.to_string(), format!("can't read {}", path.display()));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("incomplete") || cause.contains("unexpected"), "{cause}");
    }
}

#[tokio::test]
async fn files_can_be_read_with_another_layout() {
    let folder = folder();
    let paths = [file(&folder, "a.csv", gzip("n\n1\n")), file(&folder, "b.csv", "m\n2\n")];
    let rows = lines_of(sources::files(paths).layout(Layout::Csv(Csv::new()))).await;
    assert_eq!(rows, [r#"{"n":"1"}"#, r#"{"m":"2"}"#]);
}

/// A source that a task feeds until it is stopped.
pub(crate) struct Fed {
    coming: mpsc::Receiver<String>,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Fed {
    pub(crate) fn new(feed: impl Feed<String>) -> Self {
        Self::through(feed, |stream| stream)
    }

    pub(crate) fn through(
        feed: impl Feed<String>,
        build: impl FnOnce(Stream<String>) -> Stream<String>,
    ) -> Self {
        let (sender, coming) = mpsc::channel(1);
        let (source, stop) = (Source::new(), CancellationToken::new());
        build(source.stream()).sink(sinks::consumer(Passed(sender)));
        let stopped = stop.clone();
        let ended = tokio::spawn(async move {
            let fed = feed.feed(&source, &stopped).await;
            fed.and(source.close().await)
        });
        Self { coming, stop, ended }
    }

    /// The next records.
    pub(crate) async fn next<const N: usize>(&mut self) -> [String; N] {
        let mut records = [const { String::new() }; N];
        for record in &mut records {
            let came = tokio::time::timeout(Duration::from_secs(20), self.coming.recv()).await;
            *record = came.expect("it comes soon").expect("there is one");
        }
        records
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        drop(self.coming);
        tokio::time::timeout(Duration::from_secs(20), self.ended).await.expect("it ends soon").unwrap()
    }
}

/// Passes records on to the test.
struct Passed(mpsc::Sender<String>);

impl sinks::Consumer<String> for Passed {
    async fn take(&mut self, record: String) -> Result<(), sinks::Refusal> {
        let _ = self.0.send(record).await;
        Ok(())
    }
}

pub(crate) fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_followed_file_may_grow_rotate_and_shrink() {
    let folder = folder();
    let (old, log) = (file(&folder, "old", "0\n"), file(&folder, "log", "1\n"));
    let mut fed = Fed::new(sources::files([old, log.clone()]).follow(true));
    assert_eq!(fed.next().await, ["0", "1"]);
    append(&log, "2\nha");
    assert_eq!(fed.next().await, ["2"]);
    append(&log, "lf\n");
    assert_eq!(fed.next().await, ["half"]);
    append(&log, "3\n4");
    fs::rename(&log, folder.path().join("log.1")).unwrap();
    append(&log, "5\n");
    assert_eq!(fed.next().await, ["3", "4", "5"]);
    append(&log, "a longer line\n");
    assert_eq!(fed.next().await, ["a longer line"]);
    fs::write(&log, "6\n").unwrap();
    assert_eq!(fed.next().await, ["6"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn files_of_a_folder_are_read_once_when_complete() {
    let folder = folder();
    file(&folder, "b.log", "2\n");
    file(&folder, "a.log", "1\n");
    file(&folder, ".hidden.log", "?\n");
    file(&folder, "c.txt", "?\n");
    let mut fed = Fed::new(sources::folder(folder.path()).names("*.log"));
    assert_eq!(fed.next().await, ["1", "2"]);
    let mut growing = fs::File::create(folder.path().join("d.log")).unwrap();
    growing.write_all(b"4\n").unwrap();
    // Renamed into place while the other one is open: it is read first.
    fs::rename(file(&folder, ".e", "3\n"), folder.path().join("e.log")).unwrap();
    assert_eq!(fed.next().await, ["3"]);
    growing.write_all(b"5\n").unwrap();
    drop(growing);
    assert_eq!(fed.next().await, ["4", "5"]);
    append(&folder.path().join("a.log"), "?\n");
    fs::remove_file(folder.path().join("b.log")).unwrap();
    file(&folder, "b.log", "6\n");
    assert_eq!(fed.next().await, ["6"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_polled_folder_gives_files_that_no_longer_change() {
    let folder = folder();
    let mut fed = Fed::new(sources::folder(folder.path()).polling(Duration::from_millis(10)));
    file(&folder, "a", "1\n");
    assert_eq!(fed.next().await, ["1"]);
    fed.stop().await.unwrap();
    let pattern = fed_error(sources::folder(folder.path()).names("{")).await;
    assert_eq!(pattern.to_string(), r#""{" is not a pattern for file names"#);
    let missing = fed_error(sources::folder(folder.path().join("missing"))).await;
    assert!(matches!(missing, Error::File(FileError::Read { path, .. }) if path.ends_with("missing")));
}

pub(crate) async fn fed_error(feed: impl Feed<String>) -> Error {
    fed(feed).await.1.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_record_comes_each_interval_even_in_a_slow_graph() {
    let source = Source::<i64>::new();
    let (sink, times) = sinks::list();
    let begun = Instant::now();
    source.stream().sink(sinks::consumer(Busy));
    source.stream().map(move |x: i64| (x, begun.elapsed().as_millis())).sink(sink);
    sources::periodic(Duration::from_millis(100))
        .times(4)
        .feed(&source, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(times.take(), [(0, 0), (1, 350), (2, 350), (3, 450)]);
    let mut fed = Fed::new(sources::periodic(Duration::from_secs(10)).value("now"));
    assert_eq!(fed.next().await, ["now", "now", "now"]);
    fed.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_counts_in_steps_at_intervals_and_until_it_is_stopped() {
    async fn counted(count: sources::Count) -> Vec<u64> {
        let source = Source::new();
        let (sink, numbers) = sinks::list();
        source.stream().sink(sink);
        count.feed(&source, &CancellationToken::new()).await.unwrap();
        source.close().await.unwrap();
        numbers.take()
    }
    let three = std::num::NonZeroUsize::new(3).unwrap();
    assert_eq!(counted(sources::count(2..=9).step(three)).await, [2, 5, 8]);
    assert_eq!(counted(sources::count(..3)).await, [0, 1, 2]);
    assert_eq!(counted(sources::count(u64::MAX - 1..)).await, [u64::MAX - 1, u64::MAX]);
    assert_eq!(counted(sources::count(5..5)).await, [0; 0]);
    let begun = Instant::now();
    assert_eq!(counted(sources::count(..3).every(Duration::from_secs(1))).await, [0, 1, 2]);
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    let mut fed = Fed::new(sources::count(..));
    assert_eq!(fed.next().await, ["0", "1", "2"]);
    fed.stop().await.unwrap();
}

/// Is slow with the second element.
struct Busy;

impl sinks::Consumer<i64> for Busy {
    async fn take(&mut self, x: i64) -> Result<(), sinks::Refusal> {
        if x == 1 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_failing_command_is_reported_after_its_output() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let told = said.clone();
    let process = sources::process(["sh", "-c", "echo 1; echo oh no >&2; printf 2; exit 3"])
        .on_stderr(move |line| told.lock().unwrap().push(line));
    let (lines, ended) = fed::<String>(process).await;
    assert_eq!(lines, ["1", "2"]);
    assert_eq!(ended.unwrap_err().to_string(), "sh ended with exit status: 3");
    assert_eq!(*said.lock().unwrap(), ["oh no"]);
    let missing = fed_error(sources::process(["/no/such/command", "x"])).await;
    assert_eq!(missing.to_string(), "can't run /no/such/command");
}

#[cfg(unix)]
#[tokio::test]
async fn a_stopped_command_is_killed_with_its_children() {
    let mut fed = Fed::new(sources::process(["sh", "-c", "sleep 1000 & echo $!; echo $$; wait"]));
    let pids: [String; 2] = fed.next().await;
    fed.stop().await.unwrap();
    assert!(!is_running(&pids[1]), "it was waited for");
    // Only the system reaps the other one.
    while is_running(&pids[0]) {
        tokio::task::yield_now().await;
    }
}

/// Whether a process runs, and is not a zombie.
#[cfg(unix)]
fn is_running(pid: &str) -> bool {
    let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

pub(crate) async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn a_broken_connection_does_not_affect_others() {
    let (broken, mut breaks) = mpsc::channel(8);
    let tcp =
        sources::tcp("127.0.0.1:0").longest_line(10).on_broken(move |error| broken.try_send(error).unwrap());
    let tcp = tcp.on_fault(&engine::FaultPolicy::skip()).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let (mut one, mut other) = (connected(address).await, connected(address).await);
    one.write_all(b"one 1\r\none").await.unwrap();
    assert_eq!(fed.next().await, ["one 1"]);
    other.write_all(b"short\nfar too long a line").await.unwrap();
    assert_eq!(fed.next().await, ["short"]);
    let error = breaks.recv().await.unwrap();
    assert_eq!(error.to_string(), format!("lost the connection to {}", other.local_addr().unwrap()));
    one.write_all(b" 2\nlast").await.unwrap();
    one.shutdown().await.unwrap();
    assert_eq!(fed.next().await, ["one 2", "last"]);
    fed.stop().await.unwrap();
    let taken = Fed::new(sources::tcp(address.to_string())).stop().await;
    taken.unwrap();
    let refused = fed_error(sources::tcp("no such address")).await;
    assert_eq!(refused.to_string(), "can't listen on no such address");
}

#[tokio::test]
async fn a_full_graph_slows_senders_down_and_a_stop_loses_no_lines() {
    let tcp = sources::tcp("127.0.0.1:0").bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut client = connected(address).await;
    client.write_all(b"first\n").await.unwrap();
    assert_eq!(fed.next().await, ["first"]);
    // The test takes no records now, so the connection fills up.
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let mut written = 0;
    while let Ok(()) = client.try_write(&line).map(|n| written += n) {
        tokio::task::yield_now().await;
    }
    assert!(written < 64 << 20, "{written}");
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn at_the_connection_limit_new_ones_wait() {
    let tcp = sources::tcp("127.0.0.1:0").connections(1).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut first = connected(address).await;
    first.write_all(b"1\n").await.unwrap();
    assert_eq!(fed.next().await, ["1"]);
    let mut second = connected(address).await;
    second.write_all(b"2\n").await.unwrap();
    first.write_all(b"3\n").await.unwrap();
    assert_eq!(fed.next().await, ["3"]);
    drop(first);
    assert_eq!(fed.next().await, ["2"]);
    fed.stop().await.unwrap();
}

/// The answer to a request, as raw text.
pub(crate) async fn asked(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut client = connected(address).await;
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The status of the answer to a POST.
pub(crate) async fn posted(address: SocketAddr, kind: &str, body: &str) -> String {
    let answer = asked(address, &format!("POST /in HTTP/1.1\r\nContent-Type: {kind}"), body.as_bytes()).await;
    answer.split(' ').nth(1).unwrap().to_owned()
}

pub(crate) async fn http(build: impl FnOnce(sources::Http) -> sources::Http) -> (sources::Http, SocketAddr) {
    let http = build(sources::http("127.0.0.1:0").path("/in")).bind().await.unwrap();
    let address = http.local_addr().unwrap();
    (http, address)
}

const NDJSON: &str = "application/x-ndjson";

#[tokio::test]
async fn bodies_or_their_lines_are_records_and_errors_are_answered() {
    let (http, address) = http(|http| http.largest_body(20)).await;
    let mut fed = Fed::new(http);
    assert_eq!(posted(address, "text/plain", "two\nlines").await, "202");
    assert_eq!(fed.next().await, ["two\nlines"]);
    let (status, records) = tokio::join!(posted(address, NDJSON, "1\r\n\n[2]\n"), fed.next());
    assert_eq!((&*status, records), ("202", ["1".to_owned(), "[2]".to_owned()]));
    assert_eq!(posted(address, "application/json; charset=utf-8", "{").await, "400");
    assert_eq!(posted(address, NDJSON, "1\nx\n").await, "400");
    assert_eq!(posted(address, "text/plain", &"x".repeat(21)).await, "413");
    assert!(asked(address, "GET /in HTTP/1.1", b"").await.starts_with("HTTP/1.1 405"));
    assert!(asked(address, "POST / HTTP/1.1", b"").await.starts_with("HTTP/1.1 404"));
    assert_eq!(posted(address, "application/json", "3").await, "202");
    assert_eq!(fed.next().await, ["3"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn answers_wait_for_the_graph_and_excess_requests_get_429() {
    let (http, address) = http(|http| http.waiting(1)).await;
    let mut fed = Fed::new(http);
    assert_eq!(posted(address, "", "1").await, "202");
    // One of them waits for the graph, and the other exceeds the limit.
    let post = || Box::pin(asked(address, "POST /in HTTP/1.1", b"2"));
    let (refused, waiting) = match futures_util::future::select(post(), post()).await {
        futures_util::future::Either::Left(done) => done,
        futures_util::future::Either::Right(done) => done,
    };
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    // It was accepted, so a stop waits for it.
    fed.stop.cancel();
    assert_eq!(fed.next().await, ["1", "2"]);
    assert!(waiting.await.starts_with("HTTP/1.1 202"));
    fed.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "it no longer listens");
}

#[tokio::test]
async fn a_post_to_a_failed_run_gets_an_error() {
    let (http, address) = http(|http| http).await;
    let source = Source::<i64>::new();
    source.stream().sink(|_: i64| {});
    let feeding = tokio::spawn(async move { http.feed(&source, &CancellationToken::new()).await });
    assert_eq!(posted(address, "", "1").await, "202");
    let answer = asked(address, "POST /in HTTP/1.1", b"x").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("expected i64"), "{answer}");
    assert!(matches!(feeding.await.unwrap(), Err(Error::Fault(fault)) if fault.record == 2));
}

#[tokio::test]
async fn websocket_records_continue_after_a_reconnect() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let accept = async || tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
    let mut fed = Fed::new(sources::websocket(url.clone()).retries(3));
    let mut server = accept().await;
    server.send(Message::text("1")).await.unwrap();
    server.send(Message::binary("2")).await.unwrap();
    assert_eq!(fed.next().await, ["1", "2"]);
    drop(server);
    let mut server = accept().await;
    server.send(Message::text("3")).await.unwrap();
    assert_eq!(fed.next().await, ["3"]);
    server.close(None).await.unwrap();
    fed.ended.await.unwrap().unwrap();
    let mut fed = Fed::new(sources::websocket(url));
    let mut server = accept().await;
    server.send(Message::text("4")).await.unwrap();
    assert_eq!(fed.next().await, ["4"]);
    let (ended, heard) = tokio::join!(fed.stop(), server.next());
    ended.unwrap();
    assert!(heard.unwrap().unwrap().is_close());
    drop(listener);
    let error = fed_error(sources::websocket("ws://127.0.0.1:1/")).await;
    assert_eq!(error.to_string(), "lost the connection to ws://127.0.0.1:1/");
}
