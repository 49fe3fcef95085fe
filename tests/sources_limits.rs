//! Limits of sources: many connections, slow clients, disconnects, and invalid data.

use std::time::Duration;

use engine::sources;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::sources::{Fed, asked, connected, fed, http, posted};
use crate::support::divert_to_list;

#[tokio::test]
async fn huge_limits_are_accepted() {
    let (sender, channel) = sources::channel(usize::MAX);
    sender.send(1).await.unwrap();
    drop(sender);
    assert_eq!(fed::<i64>(channel).await.0, [1]);
    let tcp = sources::tcp("127.0.0.1:0").connections(usize::MAX).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    connected(address).await.write_all(b"2\n").await.unwrap();
    assert_eq!(fed.next().await, ["2"]);
    fed.stop().await.unwrap();
    let (http, address) =
        http(|http| http.connections(usize::MAX).waiting(usize::MAX).timeout(Duration::MAX)).await;
    let mut fed = Fed::new(http);
    assert_eq!(posted(address, "", "3").await, "202");
    assert_eq!(fed.next().await, ["3"]);
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_panic_in_on_broken_ends_the_source() {
    let tcp = sources::tcp("127.0.0.1:0").longest_line(1).on_broken(|_| panic!("it is told"));
    let tcp = tcp.on_fault(&engine::FaultPolicy::skip()).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let fed = Fed::new(tcp);
    connected(address).await.write_all(b"long\n").await.unwrap();
    assert!(fed.ended.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn overlong_and_truncated_lines_are_refused_naming_their_sender() {
    let (broken, mut breaks) = mpsc::channel(8);
    let (policy, letters) = divert_to_list();
    let tcp = sources::tcp("127.0.0.1:0").longest_line(4).on_fault(&policy);
    let tcp = tcp.on_broken(move |error| broken.try_send(error).unwrap()).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut peers = Vec::new();
    for text in ["1\nlonger", "2\nlonger\n?\n", "3\nhal"] {
        let mut client = connected(address).await;
        client.write_all(text.as_bytes()).await.unwrap();
        assert_eq!(fed.next().await, [&text[..1]]);
        peers.push(client.local_addr().unwrap());
        client.set_zero_linger().unwrap();
        drop(client);
        breaks.recv().await.unwrap();
    }
    fed.stop().await.unwrap();
    let letters = letters.read();
    let records: Vec<_> = letters.iter().map(|letter| String::from_utf8_lossy(&letter.record)).collect();
    assert_eq!(records, ["longer", "longer", "hal"]);
    let said: Vec<_> = letters.iter().map(|letter| letter.fault.to_string()).collect();
    assert_eq!(said[0], format!("record 2: tcp: it is longer than 4 B, from {}", peers[0]));
    assert_eq!(said[1], format!("record 4: tcp: it is longer than 4 B, from {}", peers[1]));
    let broke = format!("record 6: tcp: the connection with {} broke within it: ", peers[2]);
    assert!(said[2].starts_with(&broke), "{}", said[2]);
}

#[tokio::test]
async fn an_overlong_line_ends_the_run_by_default() {
    let tcp = sources::tcp("127.0.0.1:0").longest_line(4).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let fed = Fed::new(tcp);
    let mut client = connected(address).await;
    client.write_all(b"longer").await.unwrap();
    let error = fed.ended.await.unwrap().unwrap_err();
    let peer = client.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("record 1: tcp: it is longer than 4 B, from {peer}"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_if_configured() {
    let (policy, letters) = divert_to_list();
    let tcp =
        sources::tcp("127.0.0.1:0").idle(Duration::from_secs(1)).on_fault(&policy).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut client = connected(address).await;
    client.write_all(b"1\nhal").await.unwrap();
    assert_eq!(fed.next().await, ["1"]);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    fed.stop().await.unwrap();
    let said = letters.read()[0].fault.to_string();
    assert!(said.ends_with("broke within it: it has sent nothing for too long"), "{said}");
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
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("it is no JSON: "), "{answer}");
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
