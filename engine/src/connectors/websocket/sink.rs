//! The sink `websocket`: records as messages to a server.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message};

use super::socket::{Server, is_open, send};
use crate::Error;
use crate::connectors::support::backoff::waits;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::deadlines::{CLOSE, Socket};
use crate::graph::{Sink, Stream};
use crate::net::url::shown;
use crate::record::{LONGEST, Record};

/// Sends each record to a WebSocket as a message: of text if the record is UTF-8, of bytes otherwise. It connects to
/// the URL, as `wss://example.org/ticks`, when the first record comes.
///
/// If it can't connect, or the connection breaks, it connects again after 100 ms, then after twice as long each time,
/// up to 10 s; the run fails after [`retries`](WebSocket::retries) attempts in a row. The connection also counts as
/// broken if the server does not finish the handshake, or does not read anything, within the
/// [`timeout`](WebSocket::timeout). While the server does not read, the source waits.
///
/// Messages that were in flight when a connection broke may be lost or arrive twice. What the server sends is read
/// and discarded, some messages each time that records are sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use futures_util::StreamExt;
/// use engine::{Source, sinks};
///
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}/ticks", listener.local_addr()?);
/// # let messages = tokio::spawn(async move {
/// #     let socket = listener.accept().await.unwrap().0;
/// #     let socket = tokio_tungstenite::accept_async(socket).await.unwrap();
/// #     let messages: Vec<_> = socket.map(Result::unwrap).collect().await;
/// #     messages.iter().filter(|message| message.is_text()).map(ToString::to_string).collect()
/// # });
/// // A server at `url` keeps the messages that come before the end.
/// let source = Source::new();
/// source.stream().sink(sinks::websocket(url));
/// source.emit(1).await?;
/// source.emit(2).await?;
/// source.close().await?;
/// let messages: Vec<String> = messages.await?;
/// assert_eq!(messages, ["1", "2"]);
/// # Ok(()) }
/// ```
pub fn websocket(url: impl Into<String>) -> WebSocket {
    WebSocket { server: Server::new(url.into()), retries: 10 }
}

/// See [`websocket`].
#[derive(Clone, Debug)]
pub struct WebSocket {
    server: Server,
    retries: usize,
}

impl WebSocket {
    /// Adds a header to the handshake, such as `Authorization`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.server.headers.push((name.into(), value.into()));
        self
    }

    /// Connects again this many times in a row before the run fails. 10 by default.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Limits how long the server may take to accept the connection, to finish the handshake, and later to read
    /// anything of what is written. 30 s each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.server.timeout = timeout;
        self
    }
}

impl<T: Record> Sink<T> for WebSocket {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(Writer { websocket: self, socket: None }));
    }
}

/// The connection, while there is one.
struct Writer {
    websocket: WebSocket,
    socket: Option<Socket>,
}

impl Writer {
    /// Sends messages on the connection, or on a new one if that was closed.
    async fn send(&mut self, records: &Records) -> tungstenite::Result<()> {
        // This lets the runtime see that the server has closed the connection.
        yield_now().await;
        let mut open = self.socket.take();
        if let Some(socket) = &mut open
            && !is_open(socket).await
        {
            open = None;
        }
        let mut socket = match open {
            Some(socket) => socket,
            None => self.websocket.server.connect(LONGEST).await?,
        };
        send(&mut socket, records.iter().map(message)).await?;
        self.socket = Some(socket);
        Ok(())
    }
}

fn message(record: &[u8]) -> Message {
    match str::from_utf8(record) {
        Ok(text) => Message::text(text),
        Err(_) => Message::binary(record.to_vec()),
    }
}

impl Consumer<Records> for Writer {
    async fn take(&mut self, records: Records) -> Result<(), Refusal> {
        let mut waits = waits(self.websocket.retries);
        while let Err(error) = self.send(&records).await {
            let Some(wait) = waits.next() else { return Err(self.websocket.server.broken(error).into()) };
            sleep(wait).await;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        let Some(mut socket) = self.socket.take() else { return Ok(()) };
        let closing = async {
            socket.close(None).await?;
            // However the server ends it: it was told that this is all.
            while let Some(Ok(_)) = socket.next().await {}
            Ok(())
        };
        // A server that does not answer is left: everything was sent.
        let closed = CLOSE.within(&shown(&self.websocket.server.url), closing).await.unwrap_or(Ok(()));
        closed.map_err(|error| self.websocket.server.broken(error))
    }

    fn name(&self) -> &str {
        "websocket"
    }
}
