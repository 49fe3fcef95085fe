//! Messages of WebSocket servers.

use engine::sources;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::divert_to_list;
use crate::support::feeds::{Fed, fed, fed_error};

#[tokio::test]
async fn each_connection_begins_with_the_headers_and_the_first_messages() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let source = sources::websocket(url).header("Authorization", "Bearer x").reconnect(true).retries(1);
    let mut fed = Fed::new(source.send_first("subscribe a").send_first("subscribe b"));
    for number in ["1", "2"] {
        let mut given = None;
        #[expect(clippy::result_large_err, reason = "the handshake wants it so")]
        let look = |request: &Request, response: Response| {
            given = request.headers().get("authorization").cloned();
            Ok(response)
        };
        let connection = listener.accept().await.unwrap().0;
        let mut server = tokio_tungstenite::accept_hdr_async(connection, look).await.unwrap();
        assert_eq!(given.unwrap(), "Bearer x");
        for first in ["subscribe a", "subscribe b"] {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::text(first));
        }
        server.send(Message::text(number)).await.unwrap();
        assert_eq!(fed.next().await, [number]);
        server.close(None).await.unwrap();
        while server.next().await.is_some() {}
    }
    fed.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_long_is_a_fault_and_its_server_hears_why() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let accept = async || tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
    let (policy, letters) = divert_to_list();
    let mut fed = Fed::new(sources::websocket(url.clone()).on_fault(&policy));
    let mut server = accept().await;
    server.send(Message::text("1")).await.unwrap();
    assert_eq!(fed.next().await, ["1"]);
    let long = Message::binary(vec![b'x'; (32 << 20) + 1]);
    let (_, told) = tokio::join!(server.send(long), accept());
    let mut server = told;
    server.send(Message::text("3")).await.unwrap();
    assert_eq!(fed.next().await, ["3"]);
    let said = letters.read()[0].fault.to_string();
    assert!(said.starts_with("record 2: websocket: Message too long"), "{said}");
    assert!(said.ends_with(&format!(", from {url}")), "{said}");
    fed.stop().await.unwrap();
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

#[tokio::test]
async fn only_a_close_without_an_error_code_ends_the_input() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let close = async |code: u16, reason: &'static str| {
        let mut server = tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap();
        server.send(Message::text("1")).await.unwrap();
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        server.close(Some(frame)).await.unwrap();
        while server.next().await.is_some() {}
    };
    for (code, reason) in [(1001, ""), (1008, "no such token"), (1011, ""), (4000, "over")] {
        let (ended, ()) = tokio::join!(fed_error(sources::websocket(&url)), close(code, reason));
        let said = std::error::Error::source(&ended).unwrap().to_string();
        assert!(said.starts_with(&format!("the server closed it with code {code}")), "{said}");
        assert!(said.contains(reason), "{said}");
    }
    let ((records, ended), ()) =
        tokio::join!(fed::<String>(sources::websocket(&url)), close(1000, "complete"));
    ended.unwrap();
    assert_eq!(records, ["1"]);
    // Any other code counts for the retries.
    let twice = async {
        close(1012, "restart").await;
        close(1000, "").await;
    };
    let ((records, ended), ()) = tokio::join!(fed::<String>(sources::websocket(&url).retries(1)), twice);
    ended.unwrap();
    assert_eq!(records, ["1", "1"]);
}
