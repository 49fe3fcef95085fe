//! Lines from TCP connections.

use std::time::Duration;

use engine::sources;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::support::connected;
use crate::support::divert_to_list;
use crate::support::feeds::{Fed, fed_error};

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
    other.write_all(b"short\nbegun").await.unwrap();
    assert_eq!(fed.next().await, ["short"]);
    let there = other.local_addr().unwrap();
    other.set_zero_linger().unwrap();
    drop(other);
    let error = breaks.recv().await.unwrap();
    assert_eq!(error.to_string(), format!("lost the connection to {there}"));
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
async fn records_may_end_with_a_nul_byte() {
    let tcp = sources::tcp("127.0.0.1:0").separated_by(0).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    connected(address).await.write_all(b"{\n}\r\n\0last").await.unwrap();
    assert_eq!(fed.next().await, ["{\n}\r\n", "last"]);
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

#[tokio::test]
async fn a_panic_in_on_broken_ends_the_source() {
    let tcp = sources::tcp("127.0.0.1:0").on_broken(|_| panic!("it is told")).bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut client = connected(address).await;
    client.write_all(b"1\n").await.unwrap();
    assert_eq!(fed.next().await, ["1"]);
    client.set_zero_linger().unwrap();
    drop(client);
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
    for text in ["1\nlonger", "2\nlonger\n", "3\nhal"] {
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
async fn lines_after_an_overlong_one_still_come_and_the_client_hears_of_it() {
    let (policy, letters) = divert_to_list();
    let tcp = sources::tcp("127.0.0.1:0").longest_line(100).tell_errors(true).on_fault(&policy);
    let tcp = tcp.bind().await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut fed = Fed::new(tcp);
    let mut client = connected(address).await;
    let long = "x".repeat(300);
    client.write_all(format!("one\n{long}\ntwo\n{long}\n{long}\n").as_bytes()).await.unwrap();
    assert_eq!(fed.next().await, ["one", "two"]);
    // It goes on for longer than is read at once.
    for _ in 0..100 {
        client.write_all(&[b'y'; 1000]).await.unwrap();
    }
    client.write_all(b"\nthree").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(fed.next().await, ["three"]);
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "error: a line was left out: it is longer than 100 B\n".repeat(4));
    fed.stop().await.unwrap();
    let numbers: Vec<_> = letters.read().iter().map(|letter| letter.fault.record).collect();
    assert_eq!(numbers, [2, 4, 5, 6]);
}

#[tokio::test]
async fn an_overlong_line_ends_the_run_if_told_so() {
    let tcp = sources::tcp("127.0.0.1:0").longest_line(4).on_fault(&engine::FaultPolicy::stop());
    let tcp = tcp.bind().await.unwrap();
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
