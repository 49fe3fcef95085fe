//! Peers that stall, at any step of any protocol.

use std::net::SocketAddr;
use std::time::Duration;

use engine::dashboard::Dashboard;
use engine::sources::{self, Feed};
use engine::{CancellationToken, Monitor, Source, sinks};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::shutdown::Run;
use crate::support::put;

/// Accepts a connection, and never sends anything.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Answers the handshake of a WebSocket, and reads no more.
async fn upgraded(listener: &TcpListener) -> TcpStream {
    let (mut connection, _) = listener.accept().await.unwrap();
    upgrade(&mut connection).await;
    connection
}

/// Answers the handshake of a WebSocket.
pub(crate) async fn upgrade(connection: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    connection.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_handshake_ends_the_run() {
    let (_silent, address) = silent().await;
    let socket = sources::websocket(format!("ws://{address}/"));
    let error = socket.feed(&Source::<String>::new(), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("lost the connection to ws://{address}/"));
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(reason, "it did not finish the handshake within 30s");
    let socket = sinks::websocket(format!("ws://{address}/")).retries(1).timeout(Duration::from_secs(1));
    let error = put([1], socket).await.unwrap_err();
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(reason, "it did not finish the handshake within 1s");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_peer_that_pings_and_never_reads_is_disconnected() {
    let (listener, address) = silent().await;
    let folder = tempfile::tempdir().unwrap();
    let source =
        format!("[sources.websocket]\nurl = \"ws://{address}/\"\ntimeout = \"2s\"\n[sinks.stdout]\n");
    let run = Run::of_file(folder.path(), &source, &[]);
    let mut connection = upgraded(&listener).await;
    // Each is answered with as many bytes.
    let ping = [&[0x89, 125][..], &[b'p'; 125]].concat().repeat(512);
    let begun = run.memory();
    while connection.write_all(&ping).await.is_ok() {
        let grown = run.memory().saturating_sub(begun);
        assert!(grown < 64 << 20, "{grown} bytes");
    }
    let did = run.ended();
    assert_eq!(did.code, Some(1));
    assert!(
        did.stderr.contains("it did not read anything of what is written to it within 2s"),
        "{}",
        did.stderr
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_blocks_on_writing_still_gets_all_messages() {
    let (listener, address) = silent().await;
    let serving = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(connection).await.unwrap();
        let (echo, messages) = socket.split();
        let messages =
            messages.filter(|message| std::future::ready(message.as_ref().is_ok_and(Message::is_text)));
        let mut count = 0;
        let counted = messages.inspect(|_| count += 1);
        let _ = counted.forward(echo).await;
        count
    });
    let records = (0..64).map(|_| "x".repeat(1 << 20));
    put(records, sinks::websocket(format!("ws://{address}/"))).await.unwrap();
    assert_eq!(serving.await.unwrap(), 64);
}

/// Sends the same request again and again, and never reads an answer.
async fn ask_without_reading(address: SocketAddr, request: String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(address).await.unwrap();
    let requests = request.repeat(64);
    while client.write_all(requests.as_bytes()).await.is_ok() {}
}

/// Starts clients that never read answers, and returns the answer to one more client.
async fn ask_among(many: usize, address: SocketAddr, theirs: &str, ours: &str) -> String {
    let mut others = JoinSet::new();
    for _ in 0..many {
        others.spawn(ask_without_reading(address, theirs.to_owned()));
    }
    // They are there first.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    let asking = async {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(ours.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer).await;
        answer
    };
    timeout(Duration::from_secs(100), asking).await.expect("it is let in")
}

const POST: &str = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1";
const LAST_POST: &str = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1";

#[tokio::test(start_paused = true)]
async fn clients_that_read_no_answer_do_not_block_a_source() {
    for theirs in [POST, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let http = sources::http("127.0.0.1:0").connections(16).bind().await.unwrap();
        let (address, stop) = (http.local_addr().unwrap(), CancellationToken::new());
        let source = Source::<String>::new();
        source.stream().sink(|_| {});
        let asked = async {
            let answer = ask_among(32, address, theirs, LAST_POST).await;
            assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
            stop.cancel();
        };
        let (fed, ()) = tokio::join!(http.feed(&source, &stop), asked);
        fed.unwrap();
    }
}

#[tokio::test]
async fn clients_that_read_no_answer_do_not_block_the_dashboard() {
    // Beyond loopback each answer is 401.
    let dashboard = Dashboard::serve(&Monitor::new(), "0.0.0.0:0".parse().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], dashboard.address().port()));
    let ask = |more: &str| format!("GET /api/v1/status HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let ours = ask(&format!("Connection: close\r\nAuthorization: Bearer {}\r\n", dashboard.token()));
    let bearer = ask(&format!("Authorization: Bearer {}\r\n", dashboard.token()));
    for theirs in [ask(""), bearer] {
        let answer = ask_among(300, address, &theirs, &ours).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connections_make_room_for_new_ones() {
    let tcp = sources::tcp("127.0.0.1:0").connections(2).bind().await.unwrap();
    let (address, stop) = (tcp.local_addr().unwrap(), CancellationToken::new());
    let (lines, mut came) = tokio::sync::mpsc::channel(8);
    let source = Source::<String>::new();
    source.stream().sink(move |line| lines.try_send(line).unwrap());
    let asked = async {
        let _silent =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        for line in ["1", "2", "3"] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(format!("{line}\n").as_bytes()).await.unwrap();
            let came = timeout(Duration::from_secs(1000), came.recv()).await;
            assert_eq!(came.expect("it is let in").unwrap(), line);
        }
        stop.cancel();
    };
    let (fed, ()) = tokio::join!(tcp.feed(&source, &stop), asked);
    fed.unwrap();
}
