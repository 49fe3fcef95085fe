//! Messages to WebSocket servers.

use engine::{Source, sinks};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

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

#[tokio::test]
async fn a_websocket_reset_after_the_last_message_is_no_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let source = Source::new();
    source.stream().sink(sinks::websocket(&url));
    let serving = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        connection.set_zero_linger().unwrap();
        let mut server = tokio_tungstenite::accept_async(connection).await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text("1"));
        assert!(server.next().await.unwrap().unwrap().is_close());
    });
    source.emit(1).await.unwrap();
    source.close().await.unwrap();
    serving.await.unwrap();
}
