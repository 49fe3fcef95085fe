//! Records posted over HTTP.

use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

use engine::sources::{Feed, Http, Respond};
use engine::{CancellationToken, Error, FaultPolicy, Record, Source, sinks};
use futures_util::future::Either;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::support::{asked, connected, http, posted};
use crate::support::divert_to_list;
use crate::support::feeds::Fed;

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
        Either::Left(done) | Either::Right(done) => done,
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
async fn a_post_that_ends_the_run_gets_its_fault_in_both_modes() {
    for (respond, taken) in [(Respond::Accepted, "202"), (Respond::Done, "200")] {
        let (http, address) = http(|http| http.respond(respond)).await;
        let source = Source::<i64>::new();
        source.stream().sink(|_: i64| {});
        let feeding = tokio::spawn(async move {
            let fed = http.feed(&source, &CancellationToken::new()).await;
            source.close().await.and(fed)
        });
        assert_eq!(posted(address, "", "1").await, taken);
        let answer = asked(address, "POST /in HTTP/1.1", b"x").await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("expected i64"), "{answer}");
        assert!(matches!(feeding.await.unwrap(), Err(Error::Fault(fault)) if fault.record == 2));
    }
}

/// Feeds a source in a task, until the token is cancelled.
fn fed<T: Record>(http: Http, source: Source<T>) -> (CancellationToken, JoinHandle<Result<(), Error>>) {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        let fed = http.feed(&source, &stopped).await;
        source.close().await.and(fed)
    });
    (stop, task)
}

#[tokio::test]
async fn a_request_is_answered_when_its_records_are_out() {
    let (http, address) = http(|http| http.respond(Respond::Done).waiting(2)).await;
    let source = Source::<String>::new();
    let (sink, mut pairs) = tokio::sync::mpsc::channel(1);
    source.stream().partition(NonZeroUsize::new(2).unwrap()).sink(move |pair: Vec<String>| {
        sink.try_send(pair).unwrap();
    });
    let progress = source.progress();
    let (stop, feeding) = fed(http, source);
    let (one, other) = tokio::join!(posted(address, "", "1"), posted(address, "", "2"));
    assert_eq!((&*one, &*other), ("200", "200"));
    assert_eq!(pairs.recv().await.unwrap().len(), 2);
    // The third one waits for a fourth, or for the end.
    let last = tokio::spawn(async move { posted(address, "", "3").await });
    while progress.counts().emitted < 3 {
        tokio::task::yield_now().await;
    }
    // One more request may wait, and another one may not.
    let empty = || Box::pin(posted(address, NDJSON, ""));
    let (refused, waiting) = match futures_util::future::select(empty(), empty()).await {
        Either::Left(done) | Either::Right(done) => done,
    };
    assert_eq!(refused, "429");
    assert!(!last.is_finished());
    stop.cancel();
    assert_eq!((waiting.await, last.await.unwrap()), ("200".to_owned(), "200".to_owned()));
    feeding.await.unwrap().unwrap();
    assert_eq!(pairs.recv().await.unwrap(), ["3"]);
}

#[tokio::test]
async fn a_request_with_a_bad_record_hears_its_fault_when_the_others_are_out() {
    let (http, address) = http(|http| http.respond(Respond::Done)).await;
    let source = Source::<String>::new();
    let (policy, letters) = divert_to_list();
    let (sink, list) = sinks::list();
    let parse = |line: String| line.parse::<i64>();
    source.stream().buffer(8).try_map(parse, &policy).sink(sink);
    let (stop, feeding) = fed(http, source);
    let head = format!("POST /in HTTP/1.1\r\nContent-Type: {NDJSON}");
    let answer = asked(address, &head, b"1\n\"x\"\n3\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let fault = "record 2: try_map: invalid digit found in string (record 2 of 3 in this request)\n";
    assert!(answer.ends_with(fault), "{answer}");
    // They are out before the answer.
    assert_eq!((list.read(), letters.read().len()), (vec![1, 3], 1));
    assert_eq!(posted(address, "", "4").await, "200");
    stop.cancel();
    feeding.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_records_are_not_out_in_time_gets_504() {
    let (http, address) =
        http(|http| http.respond(Respond::Done).done_within(Duration::from_secs(3)).waiting(1)).await;
    let source = Source::<String>::new();
    let (sink, list) = sinks::list();
    source.stream().delay(Duration::from_secs(5)).sink(sink);
    let (stop, feeding) = fed(http, source);
    let answer = asked(address, "POST /in HTTP/1.1", b"1").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.ends_with("the records are still being processed after 3s\n"), "{answer}");
    // It is not waited for any more.
    assert_eq!(posted(address, "", "2").await, "504");
    stop.cancel();
    feeding.await.unwrap().unwrap();
    assert_eq!(list.take(), ["1", "2"]);
}

#[tokio::test]
async fn refused_bodies_are_faults_and_the_source_goes_on() {
    let (policy, letters) = divert_to_list();
    let (http, address) = http(|http| http.json(true).largest_body(10).on_fault(&policy)).await;
    let mut fed = Fed::new(http);
    for (header, body, status, said) in [
        ("X: y", &b"{"[..], "400", "it is not JSON: EOF while parsing an object at line 1 column 1"),
        ("X: y", b"[1,2,3,4,5,6]", "413", "the body is larger than 10 B"),
        ("Content-Encoding: br", b"1", "415", "the content encoding \"br\" is not supported"),
        ("Content-Encoding: gzip", b"1", "400", "the body can't be decompressed: "),
    ] {
        let answer = asked(address, &format!("POST /in HTTP/1.1\r\n{header}"), body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(said), "{answer}");
        assert_eq!(status == "415", answer.contains("accept-encoding: gzip, deflate, zstd\r\n"), "{answer}");
        let letter = letters.take().pop().unwrap();
        assert!(letter.fault.to_string().contains(said), "{}", letter.fault);
        assert!(letter.fault.to_string().contains(", from 127.0.0.1:"), "{}", letter.fault);
    }
    let (status, [record]) = tokio::join!(posted(address, "", "7"), fed.next());
    assert_eq!((&*status, &*record), ("202", "7"));
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_body_ends_the_run_only_if_told_so() {
    for (policy, ends) in [(FaultPolicy::stop(), true), (FaultPolicy::skip().max_faults(0), true)] {
        let (http, address) = http(|http| http.json(true).on_fault(&policy)).await;
        let fed = Fed::new(http);
        assert_eq!(posted(address, "", "{").await, "400");
        assert_eq!(fed.ended.await.unwrap().is_err(), ends);
    }
}

#[tokio::test]
async fn compressed_bodies_are_decoded_within_the_limit() {
    let (http, address) = http(|http| http.largest_body(1000)).await;
    let mut fed = Fed::new(http);
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let post = async |encoding: &str, body: Vec<u8>| {
        let head = format!("POST /in HTTP/1.1\r\nContent-Type: {NDJSON}\r\nContent-Encoding: {encoding}");
        asked(address, &head, &body).await.split(' ').nth(1).unwrap().to_owned()
    };
    let (status, records) = tokio::join!(post("gzip", gzip(b"1\n2\n")), fed.next());
    assert_eq!((&*status, records), ("202", ["1".to_owned(), "2".to_owned()]));
    let (status, records) = tokio::join!(post("zstd", zstd::encode_all(&b"3\n"[..], 3).unwrap()), fed.next());
    assert_eq!((&*status, records), ("202", ["3".to_owned()]));
    // A thousand times as large when it is decompressed.
    let bomb = gzip(&vec![b'1'; 900_000]);
    assert!(bomb.len() < 1000, "{}", bomb.len());
    assert_eq!(post("gzip", bomb).await, "413");
    assert_eq!(post("gzip", gzip(b"4\n")[..15].to_vec()).await, "400");
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn an_http_path_is_matched_literally() {
    for path in ["/{a", "/*", "/:id", "/{id}", "/{*rest}"] {
        let (http, address) = http(|http| http.path(path)).await;
        let mut fed = Fed::new(http);
        let answer = asked(address, &format!("POST {path}?x=1 HTTP/1.1"), b"1").await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{path}: {answer}");
        assert_eq!(fed.next().await, ["1"]);
        let answer = asked(address, "POST /other HTTP/1.1", b"1").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        fed.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_complete_request_times_out() {
    let (http, address) = http(|http| http.timeout(Duration::from_secs(1))).await;
    let fed = Fed::new(http);
    for begun in ["", "POST /in HTTP/1.1\r\nHost:"] {
        let mut client = connected(address).await;
        client.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{begun}: {answer}");
    }
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_slow_body_does_not_block_other_clients() {
    let (http, address) = http(|http| http.waiting(1)).await;
    let mut fed = Fed::new(http);
    let mut slow = connected(address).await;
    let head = "POST /in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; go_on.len()];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, go_on.as_bytes());
    assert_eq!(posted(address, "", "1").await, "202");
    assert_eq!(fed.next().await, ["1"]);
    slow.write_all(b"22").await.unwrap();
    assert_eq!(fed.next().await, ["22"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_json_body_is_one_record_or_refused() {
    let (http, address) = http(|http| http.json(true)).await;
    let mut fed = Fed::new(http);
    for wrong in [&b"{"[..], b"", b"1 2", b"1\n2", b"\"\xff\""] {
        let answer = asked(address, "POST /in HTTP/1.1\r\nContent-Type: text/plain", wrong).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("it is not JSON: "), "{answer}");
    }
    assert_eq!(posted(address, "", "{\r\n  \"a\": [1e400,\n\"\\n\"]}\n").await, "202");
    assert_eq!(fed.next().await, [r#"{  "a": [1e400,"\n"]}"#]);
    assert_eq!(posted(address, "application/x-ndjson", "1\n{\n").await, "400");
    assert_eq!(posted(address, "application/x-ndjson", "1\n").await, "202");
    assert_eq!(fed.next().await, ["1"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_left_out() {
    let (http, address) = http(|http| http).await;
    let mut fed = Fed::new(http);
    for (kind, body, record) in
        [("application/json", "\u{feff}1", "1"), ("text/plain", "\u{feff}1", "\u{feff}1")]
    {
        assert_eq!(posted(address, kind, body).await, "202", "{kind}");
        assert_eq!(fed.next().await, [record], "{kind}");
    }
    for kind in [NDJSON, "application/ndjson", "application/jsonlines"] {
        let (status, records) = tokio::join!(posted(address, kind, "\u{feff}1\r\n2"), fed.next());
        assert_eq!((&*status, records), ("202", ["1".to_owned(), "2".to_owned()]), "{kind}");
    }
    let utf16 = b"\xff\xfe1\0";
    let answer = asked(address, "POST /in HTTP/1.1\r\nContent-Type: application/json", utf16).await;
    assert!(answer.contains("it is UTF-16; send it as UTF-8"), "{answer}");
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn web_pages_may_post_only_from_allowed_origins() {
    let ours = "https://example.org";
    for (origins, origin, status) in [
        (&[][..], ours, "403"),
        (&[ours], "https://example.org:8443", "403"),
        (&[ours], "null", "403"),
        (&[ours], ours, "202"),
    ] {
        let (http, address) = http(|http| http.origins(origins.iter().copied())).await;
        let fed = Fed::new(http);
        let answer = asked(address, &format!("POST /in HTTP/1.1\r\nOrigin: {origin}"), b"1").await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{origin}");
        fed.stop().await.unwrap();
    }
}
