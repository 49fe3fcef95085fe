//! Lines over TCP.

use engine::{Source, sinks};
use tokio::io::AsyncReadExt;

use crate::support::put;

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

#[tokio::test]
async fn a_peer_that_resets_the_connection_is_told_at_the_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let source = Source::new();
    source.stream().sink(sinks::tcp(&address));
    source.emit(1).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    // It leaves the line unread.
    peer.peek(&mut [0]).await.unwrap();
    drop(peer);
    let ended = source.close().await;
    assert_eq!(ended.unwrap_err().to_string(), format!("lost the connection to {address}"));
}

#[tokio::test]
async fn a_peer_that_answers_each_line_gets_all_lines() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let (mut asked, mut answers) = connection.split();
        tokio::io::copy(&mut asked, &mut answers).await.unwrap()
    });
    let lines = (0..8).map(|_| "x".repeat((4 << 20) - 1));
    put(lines, sinks::tcp(address)).await.unwrap();
    assert_eq!(serving.await.unwrap(), 32 << 20);
}

#[tokio::test]
async fn a_peer_that_never_stops_sending_is_disconnected() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let (mut said, mut talk) = connection.split();
        let (mut endless, mut text) = (tokio::io::repeat(b'x'), String::new());
        tokio::select! {
            _ = tokio::io::copy(&mut endless, &mut talk) => unreachable!("it never ends"),
            read = said.read_to_string(&mut text) => drop(read.unwrap()),
        }
        text
    });
    put([1, 2, 3], sinks::tcp(address)).await.unwrap();
    assert_eq!(serving.await.unwrap(), "1\n2\n3\n");
}
