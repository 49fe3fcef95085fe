//! Messages to a WebSocket.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::Error;
use crate::connectors::support::backoff::waits;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::connectors::websocket::{broken, connect, is_open, send};
use crate::deadlines::{CLOSE, Socket, WRITE};
use crate::graph::{Sink, Stream};
use crate::net::url::shown;
use crate::record::{LONGEST, Record};

/// A sink that sends each record to a WebSocket as a message, of text if it is text and of bytes otherwise. It
/// connects to a URL, as `wss://example.org/ticks`, with the first record.
///
/// If it can't connect, or the connection breaks, it connects again, after 100 ms, 200 ms and so on up to 10 s,
/// and gives up after [`retries`](WebSocket::retries). Messages that were under way when a connection broke may be
/// lost or arrive twice. What the other side sends is read and left out, some messages each time that records are
/// sent. One that does not finish the handshake, or reads nothing, within the [`timeout`](WebSocket::timeout) is a
/// connection that breaks.
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
    WebSocket { url: url.into(), retries: 10, timeout: WRITE.time }
}

/// See [`websocket`].
#[derive(Clone, Debug)]
pub struct WebSocket {
    url: String,
    retries: usize,
    timeout: Duration,
}

impl WebSocket {
    /// The same; so many times in a row it tries to connect again. 10 by default.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// The same; the other side may take so long to accept a connection, to finish the handshake, and later until it
    /// reads anything of what is written. 30 s each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
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
    /// Sends messages on a connection that is there, or on a new one.
    async fn send(&mut self, records: &Records) -> tungstenite::Result<()> {
        // The runtime has a chance to see that the other side has closed it.
        yield_now().await;
        let mut known = self.socket.take();
        if let Some(socket) = &mut known
            && !is_open(socket).await
        {
            known = None;
        }
        let mut socket = match known {
            Some(socket) => socket,
            None => connect(&self.websocket.url, LONGEST, self.websocket.timeout).await?,
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
            let Some(wait) = waits.next() else { return Err(broken(&self.websocket.url, error).into()) };
            sleep(wait).await;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        let Some(mut socket) = self.socket.take() else { return Ok(()) };
        let goodbye = async {
            socket.close(None).await?;
            // However it ends it now: it was told that this is all.
            while let Some(Ok(_)) = socket.next().await {}
            Ok(())
        };
        // Who does not answer is left: all was sent.
        let said = CLOSE.within(&shown(&self.websocket.url), goodbye).await.unwrap_or(Ok(()));
        said.map_err(|error| broken(&self.websocket.url, error))
    }

    fn name(&self) -> &str {
        "websocket"
    }
}
