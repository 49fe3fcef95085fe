//! Network sinks: error messages, and peers that answer or disconnect.

use engine::{Source, sinks};
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

use crate::sinks::{Server, put};

#[tokio::test]
async fn post_errors_contain_no_secrets() {
    let server = Server::new([(422, None)]).await;
    let secret = format!("{}?token=secret#secret", server.url.replace("//", "//me:secret@"));
    let error = put([1], sinks::http(&secret)).await.unwrap_err();
    let said = format!("record 1: http: {} answered 422 Unprocessable Entity", server.url);
    assert_eq!(error.to_string(), said);
    let gone = "http://me:secret@127.0.0.1:1/in?token=secret";
    let error = put([1], sinks::http(gone).retries(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "can't post to http://127.0.0.1:1/in");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let error = put([1], sinks::http("http://me:secret@:0/?secret")).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let socket = sinks::websocket(gone.replace("http", "ws")).retries(0);
    let error = put([1], socket).await.unwrap_err();
    assert_eq!(error.to_string(), "lost the connection to ws://127.0.0.1:1/in");
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
