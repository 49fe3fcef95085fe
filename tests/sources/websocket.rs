//! Messages of WebSocket servers.

use engine::sources;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::feeds::{Fed, fed_error};

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
