//! Records posted over HTTP.

use std::time::Duration;

use engine::sources::Feed;
use engine::{CancellationToken, Error, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{asked, connected, http, posted};
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
